"""Windows of arrival: which one comes next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["LONGEST_S", "Window", "next_window"]

# A window holds at most this many rows, if a second does: its copies are one block each, held in memory.
_MOST_ITEMS = 1_000_000
LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Window:
    """What arrived from `begin_s` on and before `end_s`, in unix seconds of the store's clock.

    Attributes:
        blocks: In how many parts its rows are copied.
    """

    begin_s: int
    end_s: int
    blocks: int = 1


def next_window(
    begin_s: int, closed_s: int, arrivals: Sequence[tuple[int, int]], *, most_items: int = _MOST_ITEMS
) -> Window:
    """Return the window that starts at `begin_s`.

    Args:
        begin_s: Where it starts.
        closed_s: Nothing arrives before this moment any more; beyond `begin_s`.
        arrivals: Rows by second, from `begin_s` on and before `begin_s + LONGEST_S` and `closed_s`; in order.
        most_items: Rows of a window; one second's may be more.
    """
    end_s, items = min(begin_s + LONGEST_S, closed_s), 0
    for second, count in arrivals:
        if items and items + count > most_items:
            end_s = second
            break
        items += count
    return Window(begin_s, end_s, max(1, -(-items // most_items)))

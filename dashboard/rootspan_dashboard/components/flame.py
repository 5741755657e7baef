"""Call paths as an icicle: root on top, widths are time, colours are services or a change."""

import math
from collections.abc import Sequence
from typing import Final

from rootspan_analysis.views.call_tree import CallPath
from rootspan_dashboard.charts.plot import PALETTE
from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.formats import format_ms
from rootspan_dashboard.words.literal import visible

__all__ = ["draw_flame", "flame_data"]

NAME_MOST: Final = 160
MOST_DRAWN: Final = 3_000


def draw_flame(paths: Sequence[CallPath], *, compared: bool, ours: str, others: str, key: str) -> None:
    """Draw it.

    Args:
        compared: Colour by the change against the other set instead of by service.
        ours, others: What the two sets are, in our own words.
    """
    component("flame")(key=key, data=flame_data(paths, compared=compared, ours=ours, others=others))


def flame_data(paths: Sequence[CallPath], *, compared: bool, ours: str, others: str) -> dict[str, object]:
    """What the script draws: boxes with their place and width in milliseconds a trace."""
    whole = [one.self_ns for one in paths]
    other = [one.other_self_ns for one in paths]
    for i in range(len(paths) - 1, -1, -1):
        above = paths[i].parent
        if above >= 0:
            whole[above] += whole[i]
            other[above] += other[i]
    services = sorted({one.service for one in paths}, key=lambda name: (-_of(paths, name), name))
    left, free, top = [0.0] * len(paths), [0.0] * len(paths), 0.0
    for i, one in enumerate(paths):
        if one.parent < 0:
            left[i], top = top, top + whole[i]
        else:
            left[i] = left[one.parent] + free[one.parent]
            free[one.parent] += whole[i]
    longest = max(top, sum(other[i] for i, one in enumerate(paths) if one.parent < 0))
    drawn = sorted(sorted(range(len(paths)), key=lambda i: -whole[i])[:MOST_DRAWN])
    return {
        "boxes": [
            {
                "service": visible(paths[i].service, most=NAME_MOST) or "(no service)",
                "operation": visible(paths[i].operation, most=NAME_MOST) or "(no name)",
                "color": services.index(paths[i].service) % len(PALETTE),
                "depth": paths[i].depth,
                "at": left[i] / 1e6,
                "width": whole[i] / 1e6,
                "self": paths[i].self_ns / 1e6,
                "spans": paths[i].spans,
                "errors": paths[i].errors,
                "hosts": paths[i].hosts,
                "other": other[i] / 1e6 if compared else None,
                "otherSelf": paths[i].other_self_ns / 1e6,
                "change": change(paths[i].self_ns - paths[i].other_self_ns, longest) if compared else None,
            }
            for i in drawn
            if whole[i] > 0
        ],
        "names": [visible(name, most=NAME_MOST) or "(no service)" for name in services],
        "colors": list(PALETTE),
        "total": top / 1e6,
        "depth": max((one.depth for one in paths), default=0) + 1,
        "compared": compared,
        "ours": ours,
        "others": others,
        "summary": f"{len(paths)} call paths, {format_ms(top / 1e6)} of self time a trace",
    }


def change(more: float, whole: float) -> float:
    """How a difference of self time is coloured, -1 to 1: by the root of its share of the longer trace.

    The root shows a tenth of the trace; noise of a thousandth stays pale.
    """
    return math.copysign(math.sqrt(min(1.0, abs(more) / whole)), more) if whole > 0 else 0.0


def _of(paths: Sequence[CallPath], service: str) -> float:
    return sum(one.self_ns for one in paths if one.service == service)

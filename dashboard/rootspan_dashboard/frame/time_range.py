"""The range of time that a page shows: read from the URL, chosen by a person, resolved against the data's
end.

Relative ranges end now, or where the data ends if nothing has come for two minutes: a recording that was
replayed an hour ago still shows its last half hour. "Now" moves in steps of some seconds, so that a click,
and everybody who looks at the same page, asks what was just answered.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.fleet import Extent
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.frame.url_state import parse_moment, read, write, write_moment
from rootspan_dashboard.words.formats import format_range

__all__ = ["PRESETS", "Chosen", "draw_range_picker", "resolve_range"]

_MINUTES: Final = {"5m": 5, "15m": 15, "30m": 30}
_HOURS: Final = {"1h": 1, "3h": 3, "6h": 6, "12h": 12, "24h": 24}
PRESETS: Final = (
    {name: 60 * n for name, n in _MINUTES.items()}
    | {name: 3600 * n for name, n in _HOURS.items()}
    | {"7d": 7 * 86400}
)
"""Seconds by the name that stands in the URL."""
NAMES: Final = (
    {name: f"{n} min" for name, n in _MINUTES.items()}
    | {name: f"{n} h" for name, n in _HOURS.items()}
    | {"7d": "7 d"}
)
STALE_AFTER_S: Final = 120
STEP_NS: Final = 15 * NS_PER_S
"""The next multiple of this is "now": as long as an answer may be shown again."""
LONGEST_S: Final = 31 * 86400


@dataclass(frozen=True, slots=True)
class Chosen:
    """A resolved range.

    Attributes:
        preset: Name of the preset, empty for an absolute range.
        problem: Why the URL's range was not taken, in words; empty if it was.
    """

    span: TimeSpan
    preset: str
    stale: bool
    problem: str = ""


def resolve_range(extent: Extent, *, default: str, now_ns: int | None = None) -> Chosen:
    """The range that the URL asks for."""
    now = time.time_ns() if now_ns is None else now_ns
    stale = now - extent.last_ns > STALE_AFTER_S * NS_PER_S
    edge = extent.last_ns + 1 if stale else -(-now // STEP_NS) * STEP_NS
    begin, end = read("from"), read("to")
    problem = ""
    if begin or end:
        from_ns, to_ns = parse_moment(begin), parse_moment(end)
        if from_ns is None or to_ns is None:
            problem = "The link's `from` and `to` are not times like 2026-11-22T17:03:00Z, from 1970 to 2105."
        elif to_ns <= from_ns:
            problem = "The link's range ends before it begins."
        elif to_ns - from_ns > LONGEST_S * NS_PER_S:
            problem = f"The link's range is longer than {LONGEST_S // 86400} days."
        else:
            return Chosen(TimeSpan(from_ns, to_ns), "", stale)
    preset = read("last", default)
    if preset not in PRESETS:
        problem = "The link names a range that does not exist."
        preset = default
    return Chosen(TimeSpan(edge - PRESETS[preset] * NS_PER_S, edge), preset, stale, problem)


def draw_range_picker(chosen: Chosen, *, default: str) -> None:
    """A button with the range in words; its pop-over has presets and an absolute range in UTC."""
    span = chosen.span
    words = format_range(span.from_ns, span.to_ns)
    label = f"Last {NAMES[chosen.preset]}  ·  {words}" if chosen.preset else words
    with st.popover(label, icon=":material/schedule:", key="range"):
        key = "url:last"
        st.session_state[key] = chosen.preset or None

        def preset_chosen() -> None:
            value = st.session_state.get(key)
            write(**{"last": None if value in (None, default) else value, "from": None, "to": None})

        st.pills("Relative, up to the newest data" if chosen.stale else "Relative, up to now",
                 list(PRESETS), key=key, format_func=NAMES.__getitem__, on_change=preset_chosen)  # fmt: skip
        begin, end = (_wall(ns) for ns in (span.from_ns, span.to_ns))
        left, right = st.columns(2)
        picked_from = left.datetime_input("From (UTC)", begin, key=f"from:{begin}", step=60)
        picked_to = right.datetime_input(
            "To (UTC)",
            end + timedelta(minutes=1) if span.to_ns % (60 * NS_PER_S) else end,
            key=f"to:{end}",
            step=60,
        )
        if st.button("Apply", key="range:apply", type="primary", width="stretch"):
            _take_absolute(picked_from, picked_to)


def _wall(ns: int) -> datetime:
    """Whole minute in UTC, without a zone: what the input shows."""
    return datetime.fromtimestamp(ns // NS_PER_S // 60 * 60, UTC).replace(tzinfo=None)


def _take_absolute(begin: datetime | None, end: datetime | None) -> None:
    if begin is None or end is None or end <= begin:
        st.error("Choose an end after the beginning.")
        return
    texts = [write_moment(int(one.replace(tzinfo=UTC).timestamp()) * NS_PER_S) for one in (begin, end)]
    write(**{"last": None, "from": texts[0], "to": texts[1]})
    st.rerun()

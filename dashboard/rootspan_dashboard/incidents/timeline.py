"""Incidents as bars over the range, a row each: pure HTML, so that it takes the theme's colours."""

from collections.abc import Sequence

from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.watch import Incident
from rootspan_dashboard.incidents.words import incident_title
from rootspan_dashboard.words.formats import format_time
from rootspan_dashboard.words.literal import escape

__all__ = ["timeline_html"]

TICKS = 6
MOST_ROWS = 12


def timeline_html(found: Sequence[Incident], span: TimeSpan) -> str:
    """The bars, worst first; text is escaped."""
    length = span.to_ns - span.from_ns

    def share(at_ns: int) -> float:
        return 100 * min(1.0, max(0.0, (at_ns - span.from_ns) / length))

    day = length > 86_400 * 10**9
    ticks = "".join(
        f'<span style="left:{100 * k / TICKS:.2f}%">'
        f"{_tick(span.from_ns + length * k // TICKS, day=day)}</span>"
        for k in range(TICKS)
    )
    rows = "".join(
        f'<div class="row"><b title="{escape(title)}">{escape(title, most=80)}</b><div>'
        f'<i class="{escape(one.severity)} {escape(one.state)}" style="left:{share(one.onset_ns):.2f}%;'
        f'width:{max(0.4, share(one.closed_ns or span.to_ns) - share(one.onset_ns)):.2f}%"></i></div></div>'
        for one, title in ((one, incident_title(one)) for one in found[:MOST_ROWS])
    )
    axis = f'<div class="row"><b>UTC</b><div class="axis">{ticks}</div></div>'
    return f'<div class="rs-timeline">{axis}{rows}</div>'


def _tick(ns: int, *, day: bool) -> str:
    return format_time(ns, date=True)[5:16] if day else format_time(ns)[:5]

"""A course over time as SVG text, for reports: the suspect against its peers and its own past. Pure."""

from datetime import UTC, datetime
from typing import Final

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.evidence import Course, EvidenceCourses
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.words.formats import format_tick
from rootspan_dashboard.words.literal import escape

__all__ = ["draw_svg"]

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 560, 190, 70, 26, 22
SUSPECT, PEERS, WITHOUT, ONSET = "#c14a00", "#2f7ab5", "#00805e", "#7a7a7a"
ALONE: Final = 'width="840" style="background:#fff;color:#1c2430" '
"""In a file of its own nothing else says what colours text and paper have."""
TICKS: Final = 5
MOST_DOTS: Final = 60


def draw_svg(
    courses: EvidenceCourses,
    *,
    suspect_name: str,
    onset_ns: int | None,
    axis: TimeSpan,
    without: Course | None = None,
    alone: bool = False,
) -> str:
    """The chart, its arguments as for the page's; text in it is escaped."""
    begin, end = axis.from_ns / NS_PER_S, axis.to_ns / NS_PER_S
    values = [*courses.suspect.values, *(courses.peers.values if courses.peers else ())]
    suspect_name = courses.suspect_name or suspect_name
    high = max([*values, 0.0]) or 1.0
    low = min([*values, 0.0])

    def x(second: float) -> float:
        return LEFT + (second - begin) / (end - begin) * (WIDTH - LEFT - 10)

    def y(value: float) -> float:
        return TOP + (1 - (value - low) / (high - low or 1.0)) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(courses.measure)} of {escape(suspect_name, most=60)} against its peers" '
        f'{ALONE if alone else ""}font-family="system-ui, sans-serif" font-size="11">',
        f'<text x="0" y="12" font-weight="600" fill="currentColor">{escape(courses.measure)}</text>',
        f'<text x="{WIDTH}" y="12" text-anchor="end" fill="{SUSPECT}">{escape(suspect_name, most=40)}</text>',
    ]
    if courses.peers is not None:
        parts.append(f'<text x="{WIDTH / 2}" y="12" fill="{PEERS}">{escape(courses.peers_name)}</text>')
    for k in range(TICKS):
        value = low + (high - low) * k / (TICKS - 1)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#8885" />'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="currentColor">'
            f"{escape(format_tick(value, courses.unit))}</text>"
        )
        second = begin + (end - begin) * k / (TICKS - 1)
        anchor = "end" if k == TICKS - 1 else "start" if k == 0 else "middle"
        parts.append(
            f'<text x="{x(second):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}" fill="currentColor">'
            f"{datetime.fromtimestamp(second, UTC):%H:%M}</text>"
        )
    if onset_ns is not None and begin <= onset_ns / NS_PER_S <= end:
        at = x(onset_ns / NS_PER_S)
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{ONSET}" '
            f'stroke-dasharray="3 3" /><text x="{at - 4:.1f}" y="{TOP + 9}" text-anchor="end" '
            f'fill="{ONSET}">onset</text>'
        )

    def line(course: Course, color: str, width: float) -> str:
        points = [
            (x(at), y(value))
            for at, value in zip(course.seconds, course.values, strict=True)
            if begin <= at <= end
        ]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        dots = (
            ""
            if len(points) > MOST_DOTS
            else "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2" fill="{color}" />' for a, b in points)
        )
        return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}" />{dots}'

    if courses.peers is not None:
        parts.append(line(courses.peers, PEERS, 1.5))
    parts.append(line(courses.suspect, SUSPECT, 2.0))
    if without is not None:
        parts.append(f'<text x="{WIDTH / 3}" y="12" fill="{WITHOUT}">without it</text>')
        parts.append(line(without, WITHOUT, 2.0))
    return "".join([*parts, "</svg>"])

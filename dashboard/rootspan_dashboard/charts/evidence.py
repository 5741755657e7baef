"""The chart beside a sentence of evidence: the suspect against its peers and against its own past."""

from datetime import UTC, datetime
from typing import Final

import plotly.graph_objects as go

from rootspan_analysis.views.evidence import Course, EvidenceCourses
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.charts.lines import AXIS_TITLES, GRID, SCALE, moments
from rootspan_dashboard.formats import format_value
from rootspan_dashboard.literal import escape

__all__ = ["draw_evidence"]

SUSPECT, PEERS, ONSET = "#d55e00", "#4a90c4", "rgba(128,128,128,0.9)"
NS_PER_S: Final = 1_000_000_000


def draw_evidence(
    courses: EvidenceCourses, *, suspect_name: str, onset_ns: int | None, axis: TimeSpan
) -> go.Figure:
    """Two lines over `axis`, and the onset: what lies left of it is the suspect's own history."""
    figure = go.Figure()
    if courses.peers is not None:
        figure.add_trace(_line(courses.peers, "peers", color=PEERS, unit=courses.unit, width=1.6))
    name = escape(suspect_name, most=40)
    figure.add_trace(_line(courses.suspect, name, color=SUSPECT, unit=courses.unit, width=2.2))
    if onset_ns is not None:
        at = datetime.fromtimestamp(onset_ns / NS_PER_S, UTC).replace(tzinfo=None)
        figure.add_shape(
            type="line",
            x0=at,
            x1=at,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": ONSET, "dash": "dot", "width": 1.2},
        )
        falls = _falls(courses.suspect, onset_ns)
        figure.add_annotation(
            x=at,
            y=0.0 if falls else 1.0,
            yref="paper",
            text="onset",
            showarrow=False,
            xanchor="right",
            yanchor="bottom" if falls else "top",
            xshift=-4,
            font={"size": 11, "color": ONSET},
        )
    unit = AXIS_TITLES.get(courses.unit, courses.unit)
    title = courses.measure if not unit or unit in courses.measure else f"{courses.measure}, {unit}"
    figure.update_layout(
        height=196,
        margin={"l": 46, "r": 10, "t": 30, "b": 6},
        hovermode="x unified",
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": 11.5},
        },
        title={
            "text": escape(title),
            "font": {"size": 12},
            "x": 0,
            "xanchor": "left",
            "y": 0.97,
            "yanchor": "top",
        },
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=True,
    )
    figure.update_xaxes(
        range=moments([axis.from_ns // NS_PER_S, -(-axis.to_ns // NS_PER_S)]),
        gridcolor=GRID,
        tickformat="%H:%M",
        tickfont={"size": 11},
        nticks=7,
        hoverformat="%d %b %H:%M UTC",
    )
    figure.update_yaxes(
        automargin=False, gridcolor=GRID, zeroline=False, rangemode="tozero", nticks=5, tickfont={"size": 11}
    )
    return figure


def _falls(course: Course, onset_ns: int) -> bool:
    """Whether values go down at the onset: the label then stands where the line is not."""
    before = [v for at, v in zip(course.seconds, course.values, strict=True) if at * NS_PER_S < onset_ns]
    after = [v for at, v in zip(course.seconds, course.values, strict=True) if at * NS_PER_S >= onset_ns]
    return bool(before and after) and sum(after) / len(after) < sum(before) / len(before)


def _line(course: Course, name: str, *, color: str, unit: str, width: float) -> go.Scatter:
    scale = SCALE.get(unit, 1.0)
    return go.Scatter(
        x=moments(course.seconds),
        y=[one * scale for one in course.values],
        name=name,
        mode="lines+markers",
        line={"color": color, "width": width},
        marker={"size": 4},
        text=[format_value(one, unit) for one in course.values],
        hovertemplate="%{text}",
    )

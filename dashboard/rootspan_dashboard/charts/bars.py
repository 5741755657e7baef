"""Counts over time as stacked bars, such as log records by severity."""

from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from rootspan_dashboard.charts.lines import GRID, moments, tick_format
from rootspan_dashboard.formats import format_count
from rootspan_dashboard.literal import escape

__all__ = ["SEVERITY_COLORS", "draw_bars"]

SEVERITY_COLORS: Final = {
    "TRACE": "#9aa4b1",
    "DEBUG": "#7a8794",
    "INFO": "#56b4e9",
    "WARN": "#e69f00",
    "ERROR": "#d55e00",
    "FATAL": "#8b1a1a",
}


def draw_bars(
    series: Mapping[str, tuple[Sequence[int], Sequence[float]]],
    colors: Mapping[str, str],
    *,
    title: str,
    height: int = 150,
) -> go.Figure:
    """Stacked bars by name, in the given order; names are telemetry and escaped."""
    figure = go.Figure()
    for name, (seconds, values) in series.items():
        figure.add_trace(
            go.Bar(
                x=moments(seconds),
                y=list(values),
                name=escape(name, most=40) or "unknown",
                marker={"color": colors.get(name, "#7a7a7a"), "line": {"width": 0}},
                text=[format_count(one) for one in values],
                textposition="none",
                hovertemplate="%{text}",
            )
        )
    figure.update_layout(
        barmode="stack",
        bargap=0.08,
        height=height,
        margin={"l": 46, "r": 8, "t": 8, "b": 6},
        hovermode="x unified",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=True,
    )
    figure.update_xaxes(
        gridcolor=GRID,
        tickfont={"size": 11},
        nticks=10,
        tickformat=tick_format([at for seconds, _ in series.values() for at in seconds]),
        hoverformat="%d %b %H:%M UTC",
    )
    figure.update_yaxes(
        gridcolor=GRID,
        zeroline=False,
        nticks=4,
        tickfont={"size": 11},
        title={"text": title, "font": {"size": 11}, "standoff": 4},
    )
    return figure

"""Courses over the steps of a training job."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from rootspan_dashboard.charts.lines import AXIS_TITLES, GRID, PALETTE
from rootspan_dashboard.formats import format_value

__all__ = ["draw_steps"]


def draw_steps(
    series: Mapping[str, tuple[Sequence[int], Sequence[float]]], *, unit: str, title: str, height: int = 220
) -> go.Figure:
    """Lines by name over step numbers; names are our own words."""
    figure = go.Figure()
    for number, (name, (steps, values)) in enumerate(series.items()):
        figure.add_trace(
            go.Scatter(
                x=list(steps),
                y=list(values),
                name=name,
                mode="lines",
                line={"width": 1.8, "color": PALETTE[number % len(PALETTE)]},
                text=[format_value(one, unit) for one in values],
                hovertemplate="%{text}",
            )
        )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        hovermode="x unified",
        title={"text": title, "font": {"size": 12.5}, "x": 0, "xanchor": "left", "y": 0.97},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=len(series) > 1,
    )
    figure.update_xaxes(gridcolor=GRID, tickfont={"size": 11}, title={"text": "step", "font": {"size": 11}})
    figure.update_yaxes(
        gridcolor=GRID,
        zeroline=False,
        nticks=5,
        tickfont={"size": 11},
        title={"text": AXIS_TITLES.get(unit, unit), "font": {"size": 11}, "standoff": 4},
    )
    return figure

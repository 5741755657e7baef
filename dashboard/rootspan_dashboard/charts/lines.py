"""Time series as lines: several measures side by side, or a suspect against its peers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from rootspan_dashboard.formats import format_value
from rootspan_dashboard.literal import escape

__all__ = ["PALETTE", "Panel", "draw_panels", "moments", "tick_format"]

PALETTE: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d00", "#7a7a7a")
"""Okabe and Ito's colours, the yellow darkened so that it shows on white."""
GRID: Final = "rgba(128,128,128,0.18)"
AXIS_TITLES: Final = {
    "ms": "milliseconds",
    "ratio": "percent",
    "/s": "per second",
    "Cel": "°C",
    "By": "GiB",
    "s": "seconds",
}
SCALE: Final = {"ratio": 100.0, "By": 2.0**-30}
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Panel:
    """One small chart.

    Attributes:
        unit: As `formats.format_value` reads it.
        series: By name: unix seconds and values.
    """

    title: str
    unit: str
    series: Mapping[str, tuple[Sequence[int], Sequence[float | None]]]


def moments(seconds: Sequence[int]) -> list[datetime]:
    """Unix seconds as Plotly wants them: without a zone, in UTC."""
    return [datetime.fromtimestamp(one, UTC).replace(tzinfo=None) for one in seconds]


def tick_format(seconds: Sequence[int]) -> str:
    """Clock times; with the date if they span more than a day."""
    return "%d %b %H:%M" if seconds and max(seconds) - min(seconds) > DAY_S else "%H:%M"


def draw_panels(panels: Sequence[Panel], names: Sequence[str], *, height: int = 210) -> go.Figure:
    """Panels side by side, one legend for all; a name has the same colour everywhere.

    Names are telemetry: they are escaped, because Plotly reads a kind of HTML.
    """
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.06)
    for column, panel in enumerate(panels, start=1):
        scale = SCALE.get(panel.unit, 1.0)
        for name in names:
            if name not in panel.series:
                continue
            seconds, values = panel.series[name]
            figure.add_trace(
                go.Scatter(
                    x=moments(seconds),
                    y=[None if one is None else one * scale for one in values],
                    name=escape(name, most=60) or "(no name)",
                    legendgroup=name,
                    showlegend=column == 1,
                    mode="lines" if len(seconds) > 1 else "markers",
                    line={"width": 1.8, "color": PALETTE[list(names).index(name) % len(PALETTE)]},
                    text=[format_value(one, panel.unit) for one in values],
                    hovertemplate="%{text}",
                ),
                row=1,
                col=column,
            )
        figure.update_yaxes(
            row=1,
            col=column,
            title={"text": AXIS_TITLES.get(panel.unit, panel.unit), "font": {"size": 11}, "standoff": 4},
            rangemode="tozero",
            gridcolor=GRID,
            zeroline=False,
            nticks=5,
            tickfont={"size": 11},
        )
        figure.update_xaxes(
            row=1,
            col=column,
            gridcolor=GRID,
            tickfont={"size": 11},
            nticks=6,
            tickformat=tick_format([at for seconds, _ in panel.series.values() for at in seconds]),
        )
        figure.add_annotation(
            text=panel.title,
            x=0,
            y=1.0,
            xref=f"x{column if column > 1 else ''} domain",
            yref=f"y{column if column > 1 else ''} domain",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            font={"size": 12.5},
        )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 48, "b": 8},
        hovermode="x unified",
        legend={"orientation": "h", "x": 0, "y": 1.14, "yanchor": "bottom", "font": {"size": 12}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure

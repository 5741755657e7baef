"""Counts over time as stacked bars, such as log records by severity."""

from collections.abc import Mapping, Sequence
from typing import Final

from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.charts.plot import GREY, Line, Plot, PlotPanel

__all__ = ["SEVERITY_COLORS", "plot_bars"]

SEVERITY_COLORS: Final = {
    "TRACE": "#9aa4b1",
    "DEBUG": "#7a8794",
    "INFO": "#56b4e9",
    "WARN": "#e69f00",
    "ERROR": "#d55e00",
    "FATAL": "#8b1a1a",
}


def plot_bars(
    series: Mapping[str, tuple[Sequence[int], Sequence[float]]],
    colors: Mapping[str, str],
    *,
    span: TimeSpan,
    step_s: int,
    title: str,
    height: int = 140,
) -> Plot:
    """Stacked bars by name, the first on top.

    Args:
        span: The range that the axis shows, also where there is nothing.
        step_s: Length of a bucket; a bar stands over its beginning.
        title: What is counted in how long a time.
    """
    lines = [
        Line(name or "unknown", seconds, values, color=colors.get(name, GREY))
        for name, (seconds, values) in series.items()
    ]
    limits = (span.from_s // step_s * step_s - step_s / 2, span.to_s - step_s / 2)
    return Plot([PlotPanel(title, "", lines)], style="bars", limits=limits, height=height)

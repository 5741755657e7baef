"""Courses over the steps of a training job."""

from collections.abc import Mapping, Sequence

from rootspan_dashboard.charts.plot import PALETTE, Line, Plot, PlotPanel

__all__ = ["plot_steps"]


def plot_steps(
    series: Mapping[str, tuple[Sequence[int], Sequence[float]]], *, unit: str, title: str, height: int = 170
) -> Plot:
    """Lines by name over step numbers; names are our own words."""
    lines = [
        Line(name, steps, values, color=PALETTE[number % len(PALETTE)])
        for number, (name, (steps, values)) in enumerate(series.items())
    ]
    return Plot([PlotPanel(title, unit, lines)], over="step", height=height, legend=len(series) > 1)

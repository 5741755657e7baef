"""Time series as lines: several measures side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.charts.plot import PALETTE, Line, Plot, PlotPanel

__all__ = ["Panel", "plot_panels"]


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


def plot_panels(
    panels: Sequence[Panel],
    names: Sequence[str],
    span: TimeSpan,
    *,
    height: int = 150,
    legend: bool = True,
) -> Plot:
    """Panels side by side, one legend for all; a name has the same colour everywhere.

    Args:
        names: All that may be drawn, in the legend's order.
        span: The range that the axes show, also where there is nothing.
    """
    colors = {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(names)}
    return Plot(
        [
            PlotPanel(
                one.title,
                one.unit,
                [Line(name, *one.series[name], color=colors[name]) for name in names if name in one.series],
            )
            for one in panels
        ],
        limits=(span.from_s, span.to_s),
        height=height,
        legend=legend,
    )

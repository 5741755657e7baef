"""What a chart shows, and the same as the script draws it. Pure; knows no Streamlit.

Text is telemetry and stays as it is: the script sets it by `textContent`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rootspan_dashboard.words.literal import visible

__all__ = ["GREY", "PALETTE", "Line", "Mark", "Plot", "PlotPanel", "plot_data"]

PALETTE: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7d4fe0", "#6b6b6b")
"""Okabe and Ito's colours; violet for their yellow, which does not show on white, and grey for black.

Told apart by who sees no red, green or blue, in light and dark (tests/dashboard/test_palettes.py).
"""
GREY: Final = "#7a7a7a"
NAME_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One course.

    Attributes:
        at: Unix seconds or step numbers, ascending.
        values: One each, in the panel's unit; None where nothing is known.
    """

    name: str
    at: Sequence[float]
    values: Sequence[float | None]
    color: str
    width: float = 1.8
    dots: bool = False


@dataclass(frozen=True, slots=True)
class PlotPanel:
    """Axes with lines, or with bars that stand on each other in the lines' order, the first on top.

    Attributes:
        unit: As `formats.format_value` reads it.
    """

    title: str
    unit: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that is marked in all panels."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Panels side by side with one legend.

    Attributes:
        over: What the horizontal axis is: UTC, or steps of a job.
        limits: Ends of the horizontal axis; None: those of the data.
        height: Of the axes, pixels.
        legend: Whether names are told; of a single unnamed line they need not be.
    """

    panels: Sequence[PlotPanel]
    over: Literal["time", "step"] = "time"
    style: Literal["lines", "bars"] = "lines"
    limits: tuple[float, float] | None = None
    marks: Sequence[Mark] = ()
    height: int = 150
    legend: bool = True


def plot_data(plot: Plot) -> dict[str, object]:
    """As plot.js reads it: each panel's lines over one axis, null where a line has no value."""
    names: dict[str, str] = {}
    for panel in plot.panels:
        for line in panel.lines:
            names.setdefault(visible(line.name, most=NAME_MOST) or "(no name)", line.color)
    return {
        "panels": [_panel(one) for one in plot.panels],
        "names": [{"name": name, "color": color} for name, color in names.items()] if plot.legend else [],
        "over": plot.over,
        "bars": plot.style == "bars",
        "limits": list(plot.limits) if plot.limits else None,
        "marks": [{"at": one.at, "label": one.label} for one in plot.marks],
        "height": plot.height,
        "summary": "; ".join(f"{one.title}: {len(one.lines)} lines" for one in plot.panels),
    }


def _panel(panel: PlotPanel) -> dict[str, object]:
    at = sorted({moment for line in panel.lines for moment in line.at})
    return {
        "title": panel.title,
        "unit": panel.unit,
        "at": at,
        "lines": [
            {
                "name": visible(line.name, most=NAME_MOST) or "(no name)",
                "color": line.color,
                "width": line.width,
                "dots": line.dots or len(line.at) == 1,
                "values": _along(line, at),
            }
            for line in panel.lines
        ],
    }


def _along(line: Line, at: Sequence[float]) -> list[float | None]:
    known = dict(zip(line.at, line.values, strict=True))
    values = (known.get(one) for one in at)
    return [value if value is not None and math.isfinite(value) else None for value in values]

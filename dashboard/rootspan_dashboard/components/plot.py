"""Courses over time or steps: a plot in, drawn by uPlot."""

from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from rootspan_dashboard.charts.plot import Plot, plot_data
from rootspan_dashboard.components.mount import component

__all__ = ["LIBRARY_PATH", "draw_plot", "serve_library"]

LIBRARY: Final = "uPlot-1.6.32.iife.min.js"
LIBRARY_PATH: Final = f"/rootspan/{LIBRARY}"
"""Where browsers fetch the library, once: a name that holds its version may be kept for good."""


def draw_plot(plot: Plot, *, key: str) -> None:
    """Draw it."""
    component("plot")(key=key, data=plot_data(plot) | {"library": LIBRARY_PATH})


async def serve_library(_: Request) -> Response:
    """The library as a module."""
    text = files("rootspan_dashboard").joinpath("components", "vendor", LIBRARY).read_text(encoding="utf-8")
    return Response(
        f"{text}\nexport default uPlot;\n",
        media_type="text/javascript",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )

"""Asks the store what a page will show first, while the browser still loads the client."""

from collections.abc import Mapping, Sequence

from rootspan_analysis.telemetry import balance
from rootspan_analysis.views.fleet import fetch_extent
from rootspan_dashboard.frame.header import Opening
from rootspan_dashboard.frame.time_range import resolve_range
from rootspan_dashboard.frame.url_state import reading_from
from rootspan_dashboard.reading.ahead import ahead, ask_ahead, run_ahead
from rootspan_dashboard.reading.connection import ask

__all__ = ["ask_early"]


def ask_early(opening: Opening, parameters: Mapping[str, Sequence[str]]) -> None:
    """Begin to ask and return at once.

    Args:
        parameters: Those of the page's address, by name.
    """
    run_ahead(_ask, opening, parameters)


def _ask(opening: Opening, parameters: Mapping[str, Sequence[str]]) -> None:
    with reading_from(parameters):
        extent = ask(fetch_extent)
        if extent is not None:
            opening.ask_first(resolve_range(extent, default=opening.default_range).span)
            ask_ahead(ahead(balance))

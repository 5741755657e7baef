"""Links from page to page that carry the range of time on. Labels are our own words, never telemetry."""

from collections.abc import Mapping
from typing import Literal, NoReturn

import streamlit as st

from rootspan_dashboard.frame.url_state import carry

__all__ = ["PageName", "go_to", "link_to", "register_pages"]

PageName = Literal[
    "Incidents",
    "Fleet",
    "Host",
    "Services",
    "Traces",
    "Trace",
    "Logs",
    "Metrics",
    "Root cause",
    "Training",
    "Cost",
]
_KEY = "rootspan:pages"


def register_pages(pages: Mapping[PageName, st.Page]) -> None:
    """Tell which pages there are, once a run."""
    st.session_state[_KEY] = dict(pages)


def link_to(
    page: PageName,
    label: str,
    *,
    icon: str | None = None,
    help_text: str | None = None,
    **query: str | list[str],
) -> None:
    """Draw a link. `query` holds parameters of the target page.

    A range among them replaces the one in the URL.
    """
    target = st.session_state[_KEY][page]
    st.page_link(target, label=label, icon=icon, help=help_text, query_params=carry(**query))


def go_to(page: PageName, **query: str | list[str]) -> NoReturn:
    """Leave for another page at once. Not in callbacks: Streamlit switches in the script's body only."""
    st.switch_page(st.session_state[_KEY][page], query_params=carry(**query))

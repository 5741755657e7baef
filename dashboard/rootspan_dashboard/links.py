"""Links from page to page that carry the range of time on. Labels are our own words, never telemetry."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from rootspan_dashboard.url_state import carry

__all__ = ["PageName", "link_to", "register_pages"]

PageName = Literal["Fleet", "Root cause", "Trace"]
_KEY = "rootspan:pages"


def register_pages(pages: Sequence[st.Page]) -> None:
    """Tell which pages there are, once a run."""
    st.session_state[_KEY] = {page.title: page for page in pages}


def link_to(
    page: PageName, label: str, *, icon: str | None = None, help_text: str | None = None, **query: str
) -> None:
    """Draw a link. `query` holds parameters of the target page.

    A range among them replaces the one in the URL.
    """
    target = st.session_state[_KEY][page]
    st.page_link(target, label=label, icon=icon, help=help_text, query_params=carry(**query))

"""The sidebar: where one can go, which store this is, and whether its telemetry adds up."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from rootspan_analysis.telemetry import Balance, balance
from rootspan_dashboard.access.gate import draw_who
from rootspan_dashboard.frame.url_state import carry
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask, store_url
from rootspan_dashboard.words.balance import balance_sentence
from rootspan_dashboard.words.formats import format_count
from rootspan_dashboard.words.literal import escape
from rootspan_store.errors import StoreError

__all__ = ["draw_sidebar"]

NAMES = {"traces": "spans", "logs": "logs", "metrics": "points"}


def draw_sidebar(groups: Mapping[str, Sequence[st.Page]]) -> Callable[[], None]:
    """Draw it, a heading for each group of pages.

    Returns:
        Draws what the store has to be asked for, after the page; never raises for the store's sake.
    """
    ask_ahead(ahead(balance))
    with st.sidebar:
        st.html('<div class="rs-brand"><i></i><i></i><i></i><b>rootspan</b></div>')
        for heading, pages in groups.items():
            st.html(f'<div class="rs-side"><h4>{escape(heading)}</h4></div>')
            for page in pages:
                st.page_link(page, query_params=carry(), width="stretch")
        with st.container(key="sidebar-foot"):
            draw_who()
            foot = st.container()

    def draw_foot() -> None:
        try:
            told = _ledger(ask(balance))
        except StoreError:
            told = '<p class="rs-bad">does not answer</p>'
        foot.html(f'<div class="rs-side"><h4>Store</h4><p>{escape(store_url())}</p>{told}</div>')

    return draw_foot


def _ledger(book: Balance) -> str:
    rows = "".join(
        f"<tr><td>{NAMES[signal]}</td><td>{escape(format_count(one.stored))}</td></tr>"
        for signal, one in book.by_signal.items()
    )
    state, words = balance_sentence(book)
    return f'<h4>Stored</h4><table>{rows}</table><p class="rs-{state}">{escape(words)}</p>'

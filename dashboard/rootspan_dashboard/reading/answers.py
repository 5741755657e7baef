"""Asks the engine, showing how far it is, and keeps a viewer's last answers."""

from typing import Final

import streamlit as st

from rootspan_analysis import Explanation, Question, explain
from rootspan_dashboard.reading.connection import KEPT_ANSWERS, client, settings
from rootspan_store.client import StoreUrl, store_errors

__all__ = ["answer"]

KEPT: Final = 8
ENGINE_PATIENCE: Final = 4.0
"""The engine's questions read more than a page's, and a person sees how far it is."""


def answer(question: Question) -> Explanation:
    """The engine's answer; one that this viewer has had for the same question is shown again.

    Raises:
        StoreUnreachable, StoreRejected, AnalysisError: It could not be had.
    """
    kept: dict[Question, Explanation] = st.session_state.setdefault(KEPT_ANSWERS, {})
    if question in kept:
        return kept[question]
    place = st.empty()
    bar = place.progress(0.0, text="Asking the store…")

    def tell(text: str, share: float) -> None:
        bar.progress(min(1.0, max(0.0, share)), text=f"{text[:1].upper()}{text[1:]}…")

    try:
        with store_errors(StoreUrl.parse(settings().store)):
            found = explain(client(patience=ENGINE_PATIENCE), question, on_progress=tell)
    finally:
        place.empty()
    kept[question] = found
    while len(kept) > KEPT:
        kept.pop(next(iter(kept)))
    return found

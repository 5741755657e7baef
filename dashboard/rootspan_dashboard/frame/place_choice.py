"""Choosing a service or a region among those that the view's range holds.

Owns their place in the URL (`service`, `region`) and their names. Where a choice stands is its page's
business.
"""

import pyarrow as pa
import streamlit as st

from rootspan_dashboard.frame.url_state import choice

__all__ = ["choose_region", "choose_service"]


def choose_service(places: pa.Table, *, everything: str = "All services", **widget: object) -> str:
    """Let a person choose a service of `places` (see `fetch_places`); empty: all of them."""
    names = sorted(set(places["service"].to_pylist()))
    return choice(
        "service", ["", *names], "", st.selectbox, label="Service", names={"": everything}, **widget
    )


def choose_region(places: pa.Table, *, label: str = "Region", **widget: object) -> str:
    """Let a person choose a region of `places`; empty: all of them."""
    names = sorted(set(places["region"].to_pylist()) - {""})
    return choice("region", ["", *names], "", st.selectbox, label=label, names={"": "All regions"}, **widget)

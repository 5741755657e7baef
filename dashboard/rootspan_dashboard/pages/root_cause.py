"""Placeholder while the page is being built."""

import streamlit as st


def draw() -> None:
    st.text("not yet")

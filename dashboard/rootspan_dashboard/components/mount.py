"""Registers our own components with Streamlit: script and style from files of this package.

They are trusted code; what they show arrives as data and is set by `textContent` only.
"""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

__all__ = ["component"]


def _read(name: str) -> str:
    return files("rootspan_dashboard").joinpath("components", name).read_text(encoding="utf-8")


@cache
def component(name: str) -> "ComponentRenderer":
    """The mounting command of `components/NAME.js`, drawn into `<div class="box">` in a shadow root.

    Registered when first asked for, once a process: Streamlit keeps components for all viewers.
    """
    script = _read("format.js") + _read(f"{name}.js")
    style = _read(f"{name}.css")
    return st.components.v2.component(
        f"rootspan_{name}", html='<div class="box"></div>', css=style, js=script
    )

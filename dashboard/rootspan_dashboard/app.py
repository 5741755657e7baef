"""The script that Streamlit runs for every viewer: frame, navigation, and the page inside.

Run it by `rootspan_dashboard.serve`, which gives it its theme and its store.
"""

from importlib.resources import files

import streamlit as st

from rootspan_dashboard.access.gate import admit
from rootspan_dashboard.frame.header import timed_run
from rootspan_dashboard.frame.links import register_pages
from rootspan_dashboard.frame.sidebar import draw_sidebar
from rootspan_dashboard.frame.states import told_in_words
from rootspan_dashboard.pages import build_pages, by_group


def main() -> None:
    """Draw one run of the app."""
    assets = files("rootspan_dashboard").joinpath("assets")
    logo = str(assets.joinpath("logo.svg"))
    st.set_page_config(page_title="rootspan", page_icon=logo, layout="wide", initial_sidebar_state=208)
    st.html(f"<style>{assets.joinpath('app.css').read_text(encoding='utf-8')}</style>")
    if admit() is None:
        return
    named, known = build_pages()
    page = st.navigation(known, position="hidden")
    register_pages(named)
    draw_foot = draw_sidebar(by_group(named))
    with timed_run(), told_in_words():
        page.run()
    draw_foot()


main()

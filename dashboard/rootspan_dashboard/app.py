"""The script that Streamlit runs for every viewer: frame, navigation, and the page inside.

Run it by `rootspan_dashboard.serve`, which gives it its theme and its store.
"""

from importlib.resources import files

import streamlit as st

from rootspan_dashboard.links import register_pages
from rootspan_dashboard.screens import fleet, root_cause, trace
from rootspan_dashboard.sidebar import draw_sidebar
from rootspan_dashboard.states import told_in_words


def main() -> None:
    """Draw one run of the app."""
    assets = files("rootspan_dashboard").joinpath("assets")
    logo = str(assets.joinpath("logo.svg"))
    st.set_page_config(page_title="rootspan", page_icon=logo, layout="wide", initial_sidebar_state=208)
    st.html(f"<style>{assets.joinpath('app.css').read_text(encoding='utf-8')}</style>")
    pages = [
        st.Page(fleet.draw, title="Fleet", url_path="fleet", icon=":material/grid_view:", default=True),
        st.Page(root_cause.draw, title="Root cause", url_path="root-cause", icon=":material/troubleshoot:"),
        st.Page(trace.draw, title="Trace", url_path="trace", icon=":material/account_tree:"),
    ]
    page = st.navigation(pages, position="hidden")
    register_pages(pages)
    draw_sidebar(pages)
    with told_in_words():
        page.run()


main()

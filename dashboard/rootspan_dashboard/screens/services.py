"""Services: who calls whom, how often and how well, and what is lost between them."""

from typing import Final

import streamlit as st

from rootspan_analysis.views.fleet import Filters, fetch_group_totals, fetch_places
from rootspan_analysis.views.service_edges import fetch_service_edges
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.components.graph import draw_graph
from rootspan_dashboard.frame.header import Opening, open_page
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.place_choice import choose_region
from rootspan_dashboard.frame.states import say_empty
from rootspan_dashboard.frame.url_state import read, write
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.services.layout import arrange
from rootspan_dashboard.services.words import edges_frame, graph_of, neighbours
from rootspan_dashboard.tables.columns import edge_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.markup import facts, section

__all__ = ["OPENING", "draw"]


def _ask_first(span: TimeSpan) -> None:
    region = read("region")
    ask_ahead(
        ahead(fetch_service_edges, span, region=region),
        ahead(fetch_group_totals, span, Filters(region=region), (), dimension="service"),
        ahead(fetch_places, span),
    )


OPENING: Final = Opening("30m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Services", OPENING)
    if view is None:
        return
    places = ask(fetch_places, view.span)
    region = choose_region(places, label="Region of the caller", label_visibility="collapsed", width=200)
    totals = ask(fetch_group_totals, view.span, Filters(region=region), (), dimension="service")
    edges = ask(fetch_service_edges, view.span, region=region)
    seconds = view.covered_s()
    nodes, calls = graph_of(totals, edges, seconds)
    if not nodes:
        say_empty("No services here", "No span of this range matches.", ["Choose a longer range above."])
        return
    names = [one.name for one in nodes]
    chosen = read("service") if read("service") in names else ""
    layers = arrange(names, [(one.caller, one.callee) for one in edges])
    draw_graph(layers, nodes, calls, chosen=chosen, key="map", on_choose=lambda name: _choose(name, chosen))
    if chosen:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="picked"):
            st.html(facts([("Service", chosen)]))
            link_to("Traces", "Its traces", icon=":material/account_tree:", service=chosen)
            link_to("Logs", "Its logs", icon=":material/notes:", service=chosen)
            link_to("Fleet", "Its hosts", icon=":material/grid_view:", service=chosen)
            link_to("Root cause", "Explain", icon=":material/troubleshoot:", service=chosen)
            st.button("Clear", key="picked:clear", type="tertiary", on_click=write, kwargs={"service": None})
    whose = f"of {chosen}" if chosen else "between all services"
    st.html(section("Calls", f"{whose}; the edge gap is the client's duration without the server's own"))
    draw_table(edges_frame(neighbours(edges, chosen), seconds), edge_columns(), key="edges")


def _choose(name: str, chosen: str) -> None:
    write(service=None if name == chosen else name)

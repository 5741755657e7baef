"""The fleet at a glance: how it does, which hosts stand out, how regions and services compare."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.telemetry import balance
from rootspan_analysis.views.fleet import (
    Entry,
    Filters,
    fetch_entries,
    fetch_fleet_series,
    fetch_gauge_names,
    fetch_group_series,
    fetch_group_totals,
    fetch_places,
    fetch_totals,
)
from rootspan_analysis.views.timespan import TimeSpan, pick_step
from rootspan_dashboard.charts.lines import plot_panels
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.components.tiles import draw_tiles
from rootspan_dashboard.fleet.hosts import draw_hosts
from rootspan_dashboard.fleet.words import (
    group_panels,
    kpi_tiles,
    requests_are,
    sampling_note,
    services_frame,
)
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.place_choice import choose_region, choose_service
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import read
from rootspan_dashboard.reading.ahead import ahead, ask_ahead, run_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import service_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.balance import balance_facts
from rootspan_dashboard.words.markup import facts, section

__all__ = ["OPENING", "draw"]

SERIES_POINTS = 60


def _ask_first(span: TimeSpan) -> None:
    run_ahead(_ask_totals, span, Filters(read("service"), read("region")))
    ask_ahead(ahead(fetch_places, span), ahead(fetch_gauge_names, span))


def _ask_totals(span: TimeSpan, filters: Filters) -> None:
    entries = () if filters.service else ask(fetch_entries, span)
    ask_ahead(
        ahead(fetch_fleet_series, span, filters, entries, step_s=pick_step(span, most=SERIES_POINTS)),
        ahead(fetch_totals, span, filters, entries),
        ahead(fetch_totals, span.preceding(), filters, entries),
    )


OPENING: Final = Opening("30m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Fleet", OPENING)
    if view is None:
        return
    places = ask(fetch_places, view.span)
    filters = _draw_filters(places)
    entries = () if filters.service else ask(fetch_entries, view.span)
    step = pick_step(view.span, most=SERIES_POINTS)
    totals = ask(fetch_totals, view.span, filters, entries)
    if totals is None:
        say_empty(
            "Nothing in this range",
            "The store has spans, but none of this range and these filters.",
            ["Choose a longer range or another one above.", "Clear the filters for service and region."],
        )
        return
    before = ask(fetch_totals, view.span.preceding(), filters, entries)
    series = ask(fetch_fleet_series, view.span, filters, entries, step_s=step)
    draw_tiles(kpi_tiles(totals, before, series, view), key="kpis")
    st.html(f'<div class="rs-note">{requests_are(entries, filters)} {sampling_note(totals)}</div>')
    with told_in_words():
        draw_hosts(view, filters, places, ask(fetch_gauge_names, view.span))
    with told_in_words():
        _draw_regions(view, filters, entries)
    with told_in_words():
        _draw_services(view, filters)
    with told_in_words():
        st.html(section("Telemetry", "what was accepted is stored, pending or quarantined; nothing else"))
        st.html(facts(balance_facts(ask(balance))))


def _draw_filters(places: pa.Table) -> Filters:
    with st.container(horizontal=True, key="filters"):
        service = choose_service(places, label_visibility="collapsed", width=230)
        region = choose_region(places, label_visibility="collapsed", width=200)
    return Filters(service, region)


def _draw_regions(view: View, filters: Filters, entries: Sequence[Entry]) -> None:
    step = pick_step(view.span, most=SERIES_POINTS)
    table = ask(fetch_group_series, view.span, filters, entries, dimension="region", step_s=step)
    names, panels = group_panels(table, view, step)
    st.html(section("Regions", "requests, failed requests and latency, side by side"))
    draw_plot(plot_panels(panels, names, view.span), key="regions")


def _draw_services(view: View, filters: Filters) -> None:
    step = pick_step(view.span, most=30)
    totals = ask(fetch_group_totals, view.span, filters, (), dimension="service")
    series = ask(fetch_group_series, view.span, filters, (), dimension="service", step_s=step)
    st.html(section("Services", "spans by which each serves (server and consumer; all, where it has none)"))
    draw_table(services_frame(totals, series, view), service_columns(), key="services")

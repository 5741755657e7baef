"""One host: its place, what runs there, how it does against its peers, its GPUs, its logs."""

from typing import Final

import streamlit as st

from rootspan_analysis.views.fleet import Filters, fetch_host_cells
from rootspan_analysis.views.hosts import fetch_host_gauges, fetch_host_instances, fetch_host_ranks
from rootspan_analysis.views.logs import LogFilter, fetch_log_templates
from rootspan_analysis.views.timespan import TimeSpan, pick_step
from rootspan_dashboard.charts.lines import plot_panels
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.explore.log_words import templates_frame
from rootspan_dashboard.fleet.host_words import gauge_panels, host_facts, instances_frame, service_panels
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import read
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import instance_columns, template_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import facts, section

__all__ = ["OPENING", "draw"]

PANELS_A_ROW: Final = 3
POINTS: Final = 90
LOG_KINDS: Final = 20


def _ask_first(span: TimeSpan) -> None:
    if host := read("host"):
        ask_ahead(
            ahead(fetch_host_instances, span, host),
            ahead(fetch_host_ranks, span, host),
            ahead(fetch_host_gauges, span, host, step_s=pick_step(span, most=POINTS)),
        )


OPENING: Final = Opening("30m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Host", OPENING, parent="Fleet")
    if view is None:
        return
    host = read("host")
    found = ask(fetch_host_instances, view.span, host) if host else ()
    if not found:
        name = f"“{host}” sent no spans in this range." if host else "The link names none."
        say_empty("No such host here", name, ["Choose a longer range, or pick a host on the page Fleet."])
        return
    st.html(f'<h2 class="rs-subject">{escape(host)}</h2>')
    st.html(facts(host_facts(found, ask(fetch_host_ranks, view.span, host))))
    with st.container(horizontal=True):
        link_to("Traces", "Its traces", icon=":material/account_tree:", host=host, service="")
        link_to("Logs", "Its logs", icon=":material/notes:", host=host, service="")
        link_to("Metrics", "Its metrics", icon=":material/show_chart:", host=host, service="")
        link_to("Root cause", "Explain this window", icon=":material/troubleshoot:", service="")
    with told_in_words():
        _draw_services(view, host, sorted({one.service for one in found}))
    with told_in_words():
        _draw_gauges(view, host)
    with told_in_words():
        _draw_logs(view, host)
    st.html(section("Instances", "services, versions and GPUs, and when each was seen"))
    draw_table(instances_frame(found), instance_columns(), key="instances")


def _draw_services(view: View, host: str, services: list[str]) -> None:
    step = pick_step(view.span, most=POINTS)
    # Of one service only its cells are read: peers are the other hosts of the same service.
    only = Filters(service=services[0]) if len(services) == 1 else Filters()
    names, panels = service_panels(ask(fetch_host_cells, view.span, only, quantile=0.95, step_s=step), host)
    if not names:
        return
    st.html(section("Services", "spans by which each serves, beside the median of the service's other hosts"))
    draw_plot(plot_panels(panels, names, view.span), key="host:services")


def _draw_gauges(view: View, host: str) -> None:
    step = pick_step(view.span, most=POINTS)
    devices, panels = gauge_panels(ask(fetch_host_gauges, view.span, host, step_s=step))
    if not panels:
        return
    st.html(section("GPUs", "means of the samples, a line each device"))
    for first in range(0, len(panels), PANELS_A_ROW):
        row = panels[first : first + PANELS_A_ROW]
        draw_plot(plot_panels(row, devices, view.span, legend=not first), key=f"host:gauges:{first}")


def _draw_logs(view: View, host: str) -> None:
    step = pick_step(view.span, most=40)
    table = ask(fetch_log_templates, view.span, LogFilter(host=host), step_s=step, limit=LOG_KINDS)
    if not table.num_rows:
        st.html(section("Logs", "none in this range"))
        return
    starts = range(view.span.from_s // step * step, view.span.to_s, step)
    st.html(section("Logs", "kinds of records, the most frequent first"))
    draw_table(templates_frame(table, starts), template_columns(), key="host:logs")

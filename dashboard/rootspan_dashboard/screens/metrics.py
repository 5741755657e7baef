"""Metrics: one over time by service, host or any attribute, with the traces that its exemplars name."""

from typing import Final

import streamlit as st

from rootspan_analysis.views.fleet import fetch_places
from rootspan_analysis.views.metrics import (
    MetricFilter,
    MetricName,
    fetch_exemplars,
    fetch_metric_names,
    fetch_metric_series,
)
from rootspan_analysis.views.timespan import pick_step
from rootspan_dashboard.charts.lines import Panel, plot_panels
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.explore.metric_words import (
    display_unit,
    exemplars_frame,
    series_by_name,
    series_frame,
)
from rootspan_dashboard.frame.header import View, open_page
from rootspan_dashboard.frame.links import go_to
from rootspan_dashboard.frame.place_choice import choose_region, choose_service
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, read
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import exemplar_columns, series_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.formats import format_count
from rootspan_dashboard.words.markup import section

__all__ = ["draw"]

MOST_LINES: Final = 8
MEANS: Final = {
    "gauge": "mean of its points",
    "sum": "rate per second",
    "histogram": "mean of what was recorded",
}
GROUPS: Final = {
    "": "All together",
    "service": "By service",
    "host": "By host",
    "region": "By region",
    "gpu.index": "By GPU",
}


def draw() -> None:
    """Draw the page."""
    view = open_page("Metrics", default_range="30m")
    if view is None:
        return
    ask_ahead(ahead(fetch_metric_names, view.span), ahead(fetch_places, view.span))
    metrics = {f"{one.metric} {one.kind}": one for one in ask(fetch_metric_names, view.span)}
    if not metrics:
        say_empty(
            "No metrics here", "This range's end holds no metric points.", ["Choose another range above."]
        )
        return
    places = ask(fetch_places, view.span)
    with st.container(horizontal=True, vertical_alignment="bottom", key="metric-query"):
        name = choice("name", list(metrics), next(iter(metrics)), st.selectbox, label="Metric", width=320)
        group = choice("by", list(GROUPS), "service", st.selectbox, label="Group", names=GROUPS, width=160)
        service = choose_service(places, width=180)
        region = choose_region(places, width=150)
    only = MetricFilter(service, read("host"), region, group)
    with told_in_words():
        _draw_series(view, metrics[name], only)
    with told_in_words():
        _draw_exemplars(view, metrics[name], only)


def _draw_series(view: View, metric: MetricName, only: MetricFilter) -> None:
    table = ask(fetch_metric_series, view.span, metric, only, step_s=pick_step(view.span, most=120))
    series, groups = series_by_name(table, most=MOST_LINES)
    if not series:
        say_empty(
            "No points here",
            "No point of this metric matches in this range.",
            ["Remove a filter, or choose a longer range."],
        )
        return
    shown = (
        f"; the {MOST_LINES} of {format_count(groups)} groups that differ most from the median of all"
        if groups > MOST_LINES
        else ""
    )
    st.html(section(metric.metric, f"{MEANS[metric.kind]}{shown}. {metric.description}"))
    panel = Panel(MEANS[metric.kind], display_unit(metric), series)
    draw_plot(plot_panels([panel], list(series), view.span, height=280), key="series")
    draw_table(series_frame(table, list(series)), series_columns(display_unit(metric)), key="groups")


def _draw_exemplars(view: View, metric: MetricName, only: MetricFilter) -> None:
    rows = ask(fetch_exemplars, view.span, metric, only).to_pylist()
    if not rows:
        return
    st.html(
        section("Exemplars", "the largest recorded values that name their trace; select a row to open it")
    )

    def chosen(place: int) -> None:
        st.session_state["exemplar:chosen"] = rows[place]["trace_id"], rows[place]["span_id"]

    draw_table(exemplars_frame(rows), exemplar_columns(), key="exemplars", on_row=chosen)
    opened = st.session_state.pop("exemplar:chosen", None)
    if opened is not None:
        go_to("Trace", trace=opened[0], span=opened[1])

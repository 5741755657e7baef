"""Metrics: one over time by service, host or any attribute, with the traces that its exemplars name."""

from collections.abc import Sequence
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
from rootspan_analysis.views.timespan import TimeSpan, pick_step
from rootspan_dashboard.charts.lines import Panel, plot_panels
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.explore.metric_words import (
    display_unit,
    exemplars_frame,
    series_by_name,
    series_frame,
)
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.links import go_to
from rootspan_dashboard.frame.place_choice import choose_region, choose_service
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, read
from rootspan_dashboard.reading.ahead import ahead, ask_ahead, run_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import exemplar_columns, series_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.formats import format_count
from rootspan_dashboard.words.markup import section

__all__ = ["OPENING", "draw"]

MOST_LINES: Final = 8
POINTS: Final = 120
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
GROUP: Final = "service"
"""Unless a person chooses another."""


def _ask_first(span: TimeSpan) -> None:
    only = MetricFilter(read("service"), read("host"), read("region"), read("by", GROUP))
    run_ahead(_ask_series, span, read("name"), only)
    ask_ahead(ahead(fetch_places, span))


def _ask_series(span: TimeSpan, name: str, only: MetricFilter) -> None:
    metrics = _by_name(ask(fetch_metric_names, span))
    if metrics:
        metric = metrics.get(name) or next(iter(metrics.values()))
        ask(fetch_metric_series, span, metric, only, step_s=pick_step(span, most=POINTS))


def _by_name(metrics: Sequence[MetricName]) -> dict[str, MetricName]:
    return {f"{one.metric} {one.kind}": one for one in metrics}


OPENING: Final = Opening("30m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Metrics", OPENING)
    if view is None:
        return
    metrics = _by_name(ask(fetch_metric_names, view.span))
    if not metrics:
        say_empty(
            "No metrics here", "This range's end holds no metric points.", ["Choose another range above."]
        )
        return
    places = ask(fetch_places, view.span)
    with st.container(horizontal=True, vertical_alignment="bottom", key="metric-query"):
        name = choice("name", list(metrics), next(iter(metrics)), st.selectbox, label="Metric", width=320)
        group = choice("by", list(GROUPS), GROUP, st.selectbox, label="Group", names=GROUPS, width=160)
        service = choose_service(places, width=180)
        region = choose_region(places, width=150)
    only = MetricFilter(service, read("host"), region, group)
    with told_in_words():
        _draw_series(view, metrics[name], only)
    with told_in_words():
        _draw_exemplars(view, metrics[name], only)


def _draw_series(view: View, metric: MetricName, only: MetricFilter) -> None:
    table = ask(fetch_metric_series, view.span, metric, only, step_s=pick_step(view.span, most=POINTS))
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

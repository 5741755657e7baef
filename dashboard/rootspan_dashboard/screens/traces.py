"""Find traces: by service, operation, attributes, duration and failure, or by a box in the heatmap."""

from typing import Final

import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.fleet import fetch_places
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import TraceFilter, TraceOrder
from rootspan_analysis.views.trace_search import (
    fetch_attribute_keys,
    fetch_latency_cells,
    fetch_operations,
    fetch_trace_list,
    pick_cell_ns,
)
from rootspan_dashboard.components.density import Box, draw_density
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.links import go_to, link_to
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, write_moment
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import trace_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.trace.flame_view import draw_flames
from rootspan_dashboard.trace.query import draw_query, keep_box, read_box, read_filter, shown_span
from rootspan_dashboard.trace.words import traces_frame
from rootspan_dashboard.words.formats import format_count, format_ms, format_range
from rootspan_dashboard.words.markup import facts, section

__all__ = ["OPENING", "draw"]

LISTED: Final = 100
ORDERS: Final = {"slowest": "Slowest", "newest": "Newest", "failed": "Failed", "random": "Random"}
BEFORE_NS: Final = 600 * NS_PER_S
"""A box is asked about with ten minutes before it, so that the engine sees the onset."""


def _ask_first(span: TimeSpan) -> None:
    only = read_filter()
    ask_ahead(
        ahead(fetch_latency_cells, span, only, step_ns=pick_cell_ns(span)),
        ahead(fetch_places, span),
        ahead(fetch_operations, span, only.service),
        ahead(fetch_attribute_keys, span, only.service),
    )


OPENING: Final = Opening("30m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Traces", OPENING)
    if view is None:
        return
    only, box = read_filter(), read_box()
    _draw_id()
    draw_query(view, ask(fetch_places, view.span), only)
    with told_in_words():
        _draw_heatmap(view, only, box)
    with told_in_words():
        _draw_list(view, only, box)


def _draw_id() -> None:
    """A field for the id of a trace that somebody has."""

    def typed() -> None:
        st.session_state["trace:typed"] = str(st.session_state.get("trace:id", "")).strip()

    st.text_input(
        "Trace id",
        key="trace:id",
        placeholder="Open a trace: paste its id (32 hexadecimal digits) or a traceparent",
        on_change=typed,
        label_visibility="collapsed",
        width=560,
        max_chars=120,
    )
    asked = st.session_state.pop("trace:typed", "")
    if asked:
        go_to("Trace", trace=asked)


def _draw_heatmap(view: View, only: TraceFilter, box: Box) -> None:
    step_ns = pick_cell_ns(view.span)
    cells = ask(fetch_latency_cells, view.span, only, step_ns=step_ns)
    noun = "root spans" if only.by_root else "spans"
    st.html(section("Latency", f"when {noun} that match began, by how long they took; a drag chooses a box"))
    if not cells.num_rows:
        say_empty(
            "Nothing matches",
            "No span of this range matches the query.",
            ["Choose a longer range above, or take a condition away."],
        )
        return
    draw_density(
        cells,
        view.span,
        step_ns=step_ns,
        noun=noun,
        hint="drag a box to look at its traces and their cause",
        chosen=box,
        key="density",
        on_brush=keep_box,
    )
    if not box.empty:
        _draw_box(shown_span(view, box), box, only)


def _draw_box(span: TimeSpan, box: Box, only: TraceFilter) -> None:
    """What was brushed, and where to go from there."""
    low = format_ms(box.least_ns / 1e6) if box.least_ns is not None else "0 ms"
    words = f"{low} – {format_ms(box.most_ns / 1e6)}" if box.most_ns is not None else f"from {low}"
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="picked"):
        st.html(facts([("Window", format_range(span.from_ns, span.to_ns)), ("Durations", words)]))
        begin = min(span.from_ns, max(0, span.to_ns - BEFORE_NS))
        link_to(
            "Root cause",
            "Explain this window",
            icon=":material/troubleshoot:",
            service=only.service,
            **{"from": write_moment(begin), "to": write_moment(span.to_ns)},
        )
        st.button(
            "Clear",
            key="picked:clear",
            type="tertiary",
            on_click=keep_box,
            args=(Box(None, None, None, None),),
        )


def _draw_list(view: View, only: TraceFilter, box: Box) -> None:
    whose = "by their root span" if only.by_root else "by the span that matches"
    with st.container(horizontal=True, vertical_alignment="center", key="trace-filters"):
        st.html(section("Traces", ""))
        order: TraceOrder = choice(
            "find",
            list(ORDERS),
            "slowest",
            st.segmented_control,
            label="Which",
            names=ORDERS,
            label_visibility="collapsed",
            required=True,
        )  # type: ignore[assignment]
        names = {"": "List", "flame": "Flame"}
        view_as = choice(
            "view", list(names), "", st.segmented_control, label="View", names=names,
            label_visibility="collapsed", required=True,
        )  # fmt: skip
    if view_as == "flame":
        draw_flames(shown_span(view, box), view.span, only, box, order)
        return
    table = ask(fetch_trace_list, shown_span(view, box), only, order=order, limit=LISTED)
    if not table.num_rows:
        steps = ["Choose a longer range above, or take a condition away."]
        if order == "failed" or only.failed:
            say_empty(
                "No failed traces here", "No span that matches has the status Error in this range.", steps
            )
        else:
            say_empty("No traces here", "No span matches in this range.", steps)
        return
    more = (
        f"the first {LISTED} traces" if table.num_rows == LISTED else f"{format_count(table.num_rows)} traces"
    )
    st.html(f'<div class="rs-note">{more} {whose}; select a row to open it.</div>')
    ids = list(zip(table["trace_id"].to_pylist(), table["span_id"].to_pylist(), strict=True))

    def opened(place: int) -> None:
        st.session_state["trace:opened"] = ids[place]

    draw_table(traces_frame(table), trace_columns(), key="traces", on_row=opened, height=620)
    chosen = st.session_state.pop("trace:opened", None)
    if chosen is not None:
        go_to("Trace", trace=chosen[0], span=chosen[1])

"""Traces: find one, then read it: where its time went, what failed, what was logged meanwhile."""

import streamlit as st

from rootspan_analysis.views.fleet import fetch_places
from rootspan_analysis.views.traces import TraceFilter, TraceOrder, fetch_trace_list, normalize_trace_id
from rootspan_dashboard.connection import ask
from rootspan_dashboard.header import View, open_page
from rootspan_dashboard.literal import escape
from rootspan_dashboard.states import say_empty, told_in_words
from rootspan_dashboard.tables import draw_table, trace_columns
from rootspan_dashboard.trace_parts import traces_frame
from rootspan_dashboard.trace_view import draw_trace
from rootspan_dashboard.url_state import choice, read, write

__all__ = ["draw"]

LISTED = 50
ORDERS: dict[str, str] = {"slowest": "Slowest", "failed": "Failed", "random": "Random"}


def draw() -> None:
    """Draw the page."""
    view = open_page("Trace", default_range="30m")
    if view is None:
        return
    asked = read("trace")
    _draw_search(asked)
    if not asked:
        _draw_list(view)
        return
    trace_id = normalize_trace_id(asked)
    with told_in_words():
        if trace_id is None:
            say_empty(
                "That is not a trace id",
                f"“{asked}” is not made of 32 hexadecimal digits.",
                [
                    "Paste the id as a log line or a `traceparent` header has it.",
                    "Or clear it and pick a trace.",
                ],
            )
        else:
            draw_trace(trace_id)


def _draw_search(asked: str) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", key="trace-search")
    key = "url:trace"
    st.session_state[key] = asked

    def typed() -> None:
        write(trace=str(st.session_state.get(key, "")).strip() or None, span=None)

    row.text_input(
        "Trace id",
        key=key,
        placeholder="Trace id (32 hexadecimal digits) or traceparent",
        on_change=typed,
        label_visibility="collapsed",
        width=420,
        max_chars=120,
    )
    if asked:
        row.button(
            "Back to the list",
            icon=":material/arrow_back:",
            key="trace:back",
            on_click=lambda: write(trace=None, span=None),
        )


def _draw_list(view: View) -> None:
    services = sorted(set(ask(fetch_places, view.span)["service"].to_pylist()))
    row = st.container(horizontal=True, vertical_alignment="center", key="trace-filters")
    order: TraceOrder = choice(
        "find",
        list(ORDERS),
        "slowest",
        row.segmented_control,
        label="Which",
        names=ORDERS,
        label_visibility="collapsed",
        required=True,
    )  # type: ignore[assignment]
    service = choice(
        "service",
        ["", *services],
        "",
        row.selectbox,
        label="Service",
        names={"": "All services"},
        label_visibility="collapsed",
        width=230,
    )
    only = TraceFilter(service=service, host=read("host"), region=read("region"), operation=read("operation"))
    for name, value in (("host", only.host), ("region", only.region), ("operation", only.operation)):
        if value:
            row.html(f'<span class="rs-note">{name} <b>{escape(value)}</b></span>', width="content")
            row.button("Clear", key=f"clear:{name}", type="tertiary", on_click=write, kwargs={name: None})
    table = ask(fetch_trace_list, view.span, only, order=order, limit=LISTED)
    if not table.num_rows:
        steps = ["Choose a longer range above, or clear a filter."]
        if order == "failed":
            say_empty(
                "No failed traces here", "No span that matches has the status Error in this range.", steps
            )
        else:
            say_empty("No traces here", "No span matches in this range.", steps)
        return
    whose = (
        "by their root span" if not (service or only.host or only.operation) else "by the span that matches"
    )
    st.html(f'<div class="rs-note">{table.num_rows} traces {whose}; select a row to open it.</div>')
    ids = list(zip(table["trace_id"].to_pylist(), table["span_id"].to_pylist(), strict=True))

    def opened(place: int) -> None:
        write(trace=ids[place][0], span=ids[place][1])

    draw_table(traces_frame(table), trace_columns(), key="traces", on_row=opened, height=LISTED * 13)

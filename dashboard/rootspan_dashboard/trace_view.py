"""One trace on the screen: waterfall, the chosen span beside it, logs below."""

import pyarrow as pa
import streamlit as st

from rootspan_analysis.views.trace_tree import TraceTree, build_tree, choose_drawn
from rootspan_analysis.views.traces import (
    MAX_LOGS,
    TraceBounds,
    fetch_span_detail,
    fetch_trace_bounds,
    fetch_trace_logs,
    fetch_trace_spans,
)
from rootspan_dashboard.components.waterfall import draw_waterfall
from rootspan_dashboard.connection import ask
from rootspan_dashboard.links import link_to
from rootspan_dashboard.literal import escape
from rootspan_dashboard.markup import facts, section
from rootspan_dashboard.states import say_empty
from rootspan_dashboard.tables import draw_table, log_columns
from rootspan_dashboard.trace_parts import left_out, logs_frame, span_html, trace_facts
from rootspan_dashboard.url_state import read, write

__all__ = ["draw_trace"]

MOST_DRAWN = 2_000
MOST_LINKS = 5
SIDE_HEIGHT = 640


def draw_trace(trace_id: str) -> None:
    """Draw the trace, or say that the store does not know it."""
    bounds = ask(fetch_trace_bounds, trace_id)
    tree = build_tree(ask(fetch_trace_spans, trace_id, bounds)) if bounds else None
    if bounds is None or tree is None:
        say_empty(
            "No such trace",
            f"The store has no span of trace {trace_id}.",
            [
                "It may not have been sampled, or still be on its way: look again in some seconds.",
                "Raw spans are kept for a limited time (30 days by default).",
            ],
        )
        return
    logs = ask(fetch_trace_logs, trace_id, bounds)
    drawn = choose_drawn(tree, limit=MOST_DRAWN)
    selected = _selected(tree)
    st.html(facts(trace_facts(tree)))
    for sentence in left_out(tree, len(drawn)):
        st.html(f'<div class="rs-note">{escape(sentence)}</div>')
    left, right = st.columns([0.72, 0.28], gap="medium")
    with left:
        draw_waterfall(
            tree,
            drawn,
            logs,
            trace_id=trace_id,
            selected=tree.spans[selected].span_id,
            more_logs=logs.num_rows >= MAX_LOGS,
            on_choose=lambda span_id: write(span=span_id),
            key="waterfall",
        )
        _draw_logs(logs, tree)
    with right:
        _draw_span(trace_id, tree, selected, bounds)


def _selected(tree: TraceTree) -> int:
    """Place of the span that the URL names; the root's if it names none of this trace."""
    wanted = read("span")
    return next((i for i, span in enumerate(tree.spans) if span.span_id == wanted), tree.root)


def _draw_logs(logs: pa.Table, tree: TraceTree) -> None:
    if not logs.num_rows:
        st.html(section("Logs", "no log record carries this trace's id"))
        return
    cut = f"the first {MAX_LOGS:,}; " if logs.num_rows >= MAX_LOGS else ""
    st.html(section("Logs", f"{cut}those that carry this trace's id; offsets on the waterfall's time axis"))
    draw_table(logs_frame(logs, tree.start_ns), log_columns(), key="logs")


def _draw_span(trace_id: str, tree: TraceTree, place: int, bounds: TraceBounds) -> None:
    span = tree.spans[place]
    detail = ask(fetch_span_detail, trace_id, span.span_id, bounds)
    if detail is None:
        say_empty("No such span", "It was there a moment ago; the store no longer has it.")
        return
    critical = sum(end - start for start, end in span.critical)
    with st.container(height=SIDE_HEIGHT, border=True, key="span"):
        st.html(span_html(detail, span.self_ns, critical, tree.start_ns))
        for number, link in enumerate(detail.links[:MOST_LINKS], start=1):
            link_to(
                "Trace", f"Open link {number}", icon=":material/link:", trace=link.trace_id, span=link.span_id
            )

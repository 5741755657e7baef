"""One trace on the screen: waterfall with logs and gauges, the chosen span beside it, logs below."""

from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.views.clock_skew import shifted
from rootspan_analysis.views.trace_rows import choose_drawn, unfolded
from rootspan_analysis.views.trace_tree import TraceTree
from rootspan_analysis.views.traces import (
    MAX_LOGS,
    TraceBounds,
    fetch_trace_bounds,
    fetch_trace_gauges,
    fetch_trace_logs,
    fetch_trace_tree,
)
from rootspan_dashboard.components.waterfall import SENT, Rows, draw_waterfall
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, read, write
from rootspan_dashboard.reading.connection import ask, ask_shared
from rootspan_dashboard.tables.columns import log_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.trace.lanes import LANE_METRICS, lane_hosts, trace_lanes
from rootspan_dashboard.trace.span_panel import draw_span
from rootspan_dashboard.trace.words import left_out, logs_frame, skew_words, trace_facts
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import facts, section

__all__ = ["draw_trace"]

MOST_DRAWN: Final = 2_000
FIRST_ROW, FOLDED = "trace:first", "trace:folded"
"""Where a viewer's session keeps which rows of a large trace are in sight."""


def draw_trace(trace_id: str) -> None:
    """Draw the trace, or say that the store does not know it."""
    bounds = ask(fetch_trace_bounds, trace_id)
    one_clock = read("clocks") != "own"
    tree = ask_shared(fetch_trace_tree, trace_id, bounds, one_clock=one_clock) if bounds else None
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
    st.html(facts(trace_facts(tree)))
    _draw_clocks(tree)
    whole = True
    if len(tree) > MOST_DRAWN:
        names = {"": f"What matters most ({MOST_DRAWN:,} spans)", "all": f"All {len(tree):,} spans"}
        whole = choice(
            "rows", list(names), "", st.segmented_control, label="Spans shown", names=names,
            label_visibility="collapsed", required=True,
        ) == "all"  # fmt: skip
    _draw_body(trace_id, tree, bounds, whole=whole, one_clock=one_clock)


def _draw_clocks(tree: TraceTree) -> None:
    """What was done about hosts whose clocks differ, and a way to see what they told."""
    if not tree.skews:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="clocks"):
        names = {"": "One clock", "own": "The hosts' own clocks"}
        choice(
            "clocks", list(names), "", st.segmented_control, label="Clocks", names=names,
            label_visibility="collapsed", required=True,
        )  # fmt: skip
        st.html(f'<div class="rs-note">{escape(skew_words(tree.skews))}</div>')


@st.fragment
def _draw_body(trace_id: str, tree: TraceTree, bounds: TraceBounds, *, whole: bool, one_clock: bool) -> None:
    """What changes while somebody reads: a run of its own, so that a click does not redraw the page."""
    with told_in_words():
        logs = ask(fetch_trace_logs, trace_id, bounds)
        if one_clock:
            logs = shifted(logs, tree.skews, column="at_ns")
        hosts = lane_hosts(tree)
        points = ask(fetch_trace_gauges, tuple(hosts), LANE_METRICS, bounds)
        selected = tree.find(read("span"))
        if selected is None:
            selected = tree.root
        rows = _rows(trace_id, tree, selected, whole=whole)
        for sentence in left_out(tree, len(rows.places), folding=rows.first is not None):
            st.html(f'<div class="rs-note">{escape(sentence)}</div>')
        with st.container(key="beside"):
            left, right = st.columns([0.72, 0.28], gap="medium")
        with left:
            draw_waterfall(
                tree,
                rows,
                logs,
                trace_lanes(points, hosts, tree),
                trace_id=trace_id,
                selected=selected,
                more_logs=logs.num_rows >= MAX_LOGS,
                on_choose=lambda span_id: write(span=span_id),
                on_window=lambda first: _keep_first(trace_id, first),
                on_fold=lambda span_id, shut, first: _fold(trace_id, span_id, first, shut=shut),
                key="waterfall",
            )
            _draw_logs(logs, tree)
        with right:
            draw_span(trace_id, tree, selected, bounds)


def _rows(trace_id: str, tree: TraceTree, selected: int, *, whole: bool) -> Rows:
    """All rows if they fit; else what matters, or a window of all, as a person scrolled and folded."""
    if not whole:
        return Rows(choose_drawn(tree, limit=MOST_DRAWN))
    if len(tree) <= MOST_DRAWN:
        return Rows(range(len(tree)))
    folded = frozenset(st.session_state.get(FOLDED, {}).get(trace_id, ()))
    places = unfolded(tree, folded)
    first = st.session_state.get(FIRST_ROW, {}).get(trace_id)
    if first is None:
        first = places.index(selected) if selected in places else 0
    return Rows(places, max(0, min(first - SENT // 3, len(places) - SENT)), folded)


def _keep_first(trace_id: str, first: int) -> None:
    st.session_state[FIRST_ROW] = {trace_id: first}


def _fold(trace_id: str, span_id: str, first: int, *, shut: bool) -> None:
    folded = set(st.session_state.get(FOLDED, {}).get(trace_id, ()))
    (folded.add if shut else folded.discard)(span_id)
    st.session_state[FOLDED] = {trace_id: folded}
    _keep_first(trace_id, first)


def _draw_logs(logs: pa.Table, tree: TraceTree) -> None:
    if not logs.num_rows:
        st.html(section("Logs", "no log record carries this trace's id"))
        return
    cut = f"the first {MAX_LOGS:,}; " if logs.num_rows >= MAX_LOGS else ""
    st.html(section("Logs", f"{cut}those that carry this trace's id; offsets on the waterfall's time axis"))
    draw_table(logs_frame(logs, tree.start_ns), log_columns(), key="logs")

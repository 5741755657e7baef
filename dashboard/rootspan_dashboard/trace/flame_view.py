"""Where the time of many traces goes, and what is different in those of a box: a flame view of a search."""

from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.call_tree import compare_forests, fetch_call_forest
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import LONGEST_NS, TraceFilter, TraceOrder
from rootspan_analysis.views.trace_search import fetch_trace_list
from rootspan_dashboard.components.density import Box
from rootspan_dashboard.components.flame import draw_flame
from rootspan_dashboard.frame.states import say_empty
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import path_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.trace.compare_words import paths_frame
from rootspan_dashboard.words.formats import format_count
from rootspan_dashboard.words.literal import escape

__all__ = ["draw_flames"]

MERGED: Final = 100
"""Traces of each set: enough for means, few enough to be read while somebody waits."""
AROUND_NS: Final = 60 * NS_PER_S


def draw_flames(span: TimeSpan, around: TimeSpan, only: TraceFilter, box: Box, order: TraceOrder) -> None:
    """Draw the merged traces that match; with a box, against traces of the range outside of it.

    Args:
        span: The range of the list, the box's if there is one.
        around: The page's range.
        order: Which of them: `slowest`, `newest`, `failed` or `random`.
    """
    found = ask(fetch_trace_list, span, only, order=order, limit=MERGED)
    if not found.num_rows:
        say_empty("No traces here", "No span matches in this range.", ["Choose a longer range above."])
        return
    compared = not box.empty or order in ("slowest", "failed")
    other = _others(around, only, found) if compared else None
    paths = compare_forests(_spans(found), _spans(other) if other is not None and other.num_rows else None)
    compared = other is not None and bool(other.num_rows)
    words = f"{format_count(found.num_rows)} {WHICH[order]} traces merged by call path"
    if compared:
        words += f", against {format_count(other.num_rows)} of all that match in the range"  # type: ignore[union-attr]
    st.html(f'<div class="rs-note">{escape(words)}; times are means a trace.</div>')
    draw_flame(paths, compared=compared, ours=f"{WHICH[order]} traces", others="the usual", key="flame")
    draw_table(paths_frame(paths), path_columns("These", "Usual"), key="flame:paths")


WHICH: Final = {"slowest": "slowest", "newest": "newest", "failed": "failed", "random": "random"}


def _others(around: TimeSpan, only: TraceFilter, found: pa.Table) -> pa.Table:
    """Random traces that match without the bounds of duration and failure, without those that were found."""
    usual = replace(only, failed=False, min_duration_ns=0, max_duration_ns=LONGEST_NS)
    drawn = ask(fetch_trace_list, around, usual, order="random", limit=MERGED)
    return drawn.filter(pc.invert(pc.is_in(drawn["trace_id"], value_set=found["trace_id"].combine_chunks())))


def _spans(traces: pa.Table) -> pa.Table:
    starts = pc.cast(traces["start_ns"], pa.int64())
    ends = pc.add(starts, pc.cast(pc.min_element_wise(traces["duration_ns"], 3600 * NS_PER_S), pa.int64()))
    span = TimeSpan(pc.min(starts).as_py() - AROUND_NS, pc.max(ends).as_py() + AROUND_NS)
    return ask(fetch_call_forest, tuple(traces["trace_id"].to_pylist()), span)

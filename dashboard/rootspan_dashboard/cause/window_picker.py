"""The latencies around the window that is asked about; a drag in them asks about another one."""

from typing import Final

import streamlit as st

from rootspan_analysis import Question
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.fleet import Filters, fetch_entries, fetch_request_cells
from rootspan_analysis.views.timespan import MINUTE_S, TimeSpan, pick_step
from rootspan_dashboard.components.density import Box, draw_density
from rootspan_dashboard.frame.header import View
from rootspan_dashboard.frame.url_state import write, write_moment
from rootspan_dashboard.reading.connection import ask

__all__ = ["draw_window_picker"]

SHORTEST_CONTEXT_NS: Final = 1800 * NS_PER_S


def draw_window_picker(view: View, question: Question) -> None:
    """Draw it: the window with as much time before it and some after, as far as there is data."""
    length = question.to_ns - question.from_ns
    begin = min(question.from_ns - length, question.to_ns - SHORTEST_CONTEXT_NS)
    context = TimeSpan(
        max(min(begin, question.from_ns), min(view.extent.first_ns, question.from_ns)),
        max(question.to_ns, min(question.to_ns + length // 2, view.extent.last_ns)),
    )
    filters = Filters(question.service or "")
    entries = () if filters.service else ask(fetch_entries, view.span)
    step = pick_step(context)
    cells = ask(fetch_request_cells, context, filters, entries, step_s=step)
    if not cells.num_rows:
        return
    with st.expander("Latency around this window", expanded=True):
        draw_density(
            cells,
            TimeSpan(context.from_s * NS_PER_S, context.to_s * NS_PER_S),
            step_ns=step * NS_PER_S,
            noun="requests",
            hint="drag to ask about another window",
            chosen=Box(question.from_ns, question.to_ns, None, None),
            key="window",
            on_brush=_ask_about,
        )


def _ask_about(box: Box) -> None:
    if box.from_ns is not None and box.to_ns is not None:
        end = max(box.to_ns, box.from_ns + MINUTE_S * NS_PER_S)
        write(**{"last": None, "from": write_moment(box.from_ns), "to": write_moment(end)})

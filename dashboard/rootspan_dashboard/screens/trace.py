"""One trace: where its time went, what failed, what was logged meanwhile, how its GPUs were."""

from typing import Final

import streamlit as st

from rootspan_analysis.views.traces import normalize_trace_id
from rootspan_dashboard.frame.header import Opening, open_page
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import read, write
from rootspan_dashboard.trace.compare import draw_comparison, draw_comparison_field
from rootspan_dashboard.trace.view import draw_trace

__all__ = ["OPENING", "draw"]

WITHOUT = {"with": None}
"""No comparison: a name that Python keeps for itself."""


OPENING: Final = Opening("30m")


def draw() -> None:
    """Draw the page."""
    if open_page("Trace", OPENING, parent="Traces") is None:
        return
    asked = read("trace")
    with st.container(horizontal=True, key="trace-ids"):
        _draw_id(asked)
        if asked:
            draw_comparison_field()
    trace_id = normalize_trace_id(asked)
    with told_in_words():
        if not asked:
            say_empty(
                "Which trace?",
                "Paste the id of a trace above, or find one on the page Traces.",
                ["A log line or a `traceparent` header has it: 32 hexadecimal digits."],
            )
        elif trace_id is None:
            say_empty(
                "That is not a trace id",
                f"“{asked}” is not made of 32 hexadecimal digits.",
                ["Paste the id as a log line or a `traceparent` header has it."],
            )
        else:
            if read("with"):
                with told_in_words():
                    draw_comparison(trace_id, read("with"))
            draw_trace(trace_id)


def _draw_id(asked: str) -> None:
    key = "url:trace"
    st.session_state[key] = asked

    def typed() -> None:
        write(
            trace=str(st.session_state.get(key, "")).strip() or None,
            span=None,
            rows=None,
            clocks=None,
            **WITHOUT,
        )

    st.text_input(
        "Trace id",
        key=key,
        placeholder="Trace id (32 hexadecimal digits) or traceparent",
        on_change=typed,
        label_visibility="collapsed",
        width=420,
        max_chars=120,
    )

"""Two traces side by side: where one spends more time than the other, by call path."""

import pyarrow as pa
import streamlit as st

from rootspan_analysis.views.call_tree import compare_forests, fetch_call_forest
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.traces import TraceBounds, fetch_trace_bounds, normalize_trace_id
from rootspan_dashboard.components.flame import draw_flame
from rootspan_dashboard.frame.states import say_empty
from rootspan_dashboard.frame.url_state import read, write
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import path_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.trace.compare_words import comparison_facts, comparison_words, paths_frame
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import facts, section

__all__ = ["draw_comparison", "draw_comparison_field"]


def draw_comparison_field() -> None:
    """Where a person pastes the id of the trace to compare with."""
    key = "url:with"
    st.session_state[key] = read("with")

    def typed() -> None:
        write(**{"with": str(st.session_state.get(key, "")).strip() or None})

    st.text_input(
        "Compare with",
        key=key,
        placeholder="Compare with another trace: its id",
        on_change=typed,
        label_visibility="collapsed",
        width=420,
        max_chars=120,
    )


def draw_comparison(trace_id: str, asked: str) -> None:
    """Draw the comparison of a trace with the one whose id somebody gave, or say why not."""
    other_id = normalize_trace_id(asked)
    if other_id is None:
        say_empty("That is not a trace id", f"“{asked}” is not made of 32 hexadecimal digits.")
        return
    ours, theirs = _forest(trace_id), _forest(other_id)
    if theirs is None:
        say_empty("No such trace to compare with", f"The store has no span of trace {other_id}.")
        return
    if ours is None:
        return
    paths = compare_forests(ours, theirs)
    st.html(section("Compared", "self time by call path, of this trace against the other"))
    st.html(f'<div class="rs-verdict"><p>{escape(comparison_words(ours, theirs, paths))}</p></div>')
    st.html(facts(comparison_facts(ours, theirs)))
    draw_flame(paths, compared=True, ours="this trace", others="the other", key="compare:flame")
    draw_table(paths_frame(paths), path_columns("This", "Other"), key="compare:paths")
    with st.container(horizontal=True):
        st.button(
            "Swap", icon=":material/swap_horiz:", key="compare:swap", type="tertiary",
            on_click=write, kwargs={"trace": other_id, "with": trace_id, "span": None},
        )  # fmt: skip
        st.button(
            "End the comparison", icon=":material/close:", key="compare:end", type="tertiary",
            on_click=write, kwargs={"with": None},
        )  # fmt: skip


def _forest(trace_id: str) -> pa.Table | None:
    bounds: TraceBounds | None = ask(fetch_trace_bounds, trace_id)
    if bounds is None:
        return None
    found = ask(fetch_call_forest, (trace_id,), TimeSpan(bounds.first_ns, bounds.last_ns + 1))
    return found if found.num_rows else None

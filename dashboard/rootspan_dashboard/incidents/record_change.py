"""Where an operator says what was done, so that the engine can name it beside what broke."""

import time
import uuid
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.changes import KINDS, Change, write_changes
from rootspan_analysis.question import NS_PER_S
from rootspan_dashboard.access.gate import current_viewer
from rootspan_dashboard.frame.states import told_in_words
from rootspan_dashboard.reading.connection import ask_now, drop_answers
from rootspan_dashboard.words.literal import visible

__all__ = ["draw_record_change"]

LONGEST_AGO_MIN: Final = 24 * 60


def draw_record_change(places: pa.Table) -> None:
    """A menu that records a change; nothing for whom may not.

    Args:
        places: `service, host, region` of what may have been changed.
    """
    if not current_viewer().may_record:
        return
    with st.popover("Record a change", icon=":material/edit_note:", key="record"):
        kind = st.selectbox("Kind", KINDS, key="record:kind")
        scope = {
            name: _choose(name, label, places, column)
            for name, label, column in (
                ("service.name", "Service", "service"),
                ("host.name", "Host", "host"),
                ("cloud.region", "Region", "region"),
            )
        }
        text = st.text_input("What was done", key="record:text", max_chars=500)
        ago = st.number_input("Minutes ago", 0, LONGEST_AGO_MIN, key="record:ago", step=1)
        if st.button("Record", key="record:do", type="primary", width="stretch"):
            with told_in_words():
                _record(kind, {name: value for name, value in scope.items() if value}, text, int(ago))


def _choose(name: str, label: str, places: pa.Table, column: str) -> str:
    known = sorted({one for one in places[column].to_pylist() if one})
    found = st.selectbox(
        label, known, index=None, key=f"record:{name}", placeholder="All", format_func=visible
    )
    return found or ""


def _record(kind: str, scope: dict[str, str], text: str, minutes_ago: int) -> None:
    if not text.strip() and not scope:
        st.warning("Say what was done, or where: a change of nothing explains nothing.")
        return
    change = Change(
        id=f"dashboard-{uuid.uuid4().hex}",
        time_ns=time.time_ns() - minutes_ago * 60 * NS_PER_S,
        kind=kind,
        scope=scope,
        text=text.strip(),
        previous="",
        author=current_viewer().name,
        source="dashboard",
    )
    ask_now(write_changes, [change])
    drop_answers()
    st.success("Recorded. Answers name it beside what it may have touched.")

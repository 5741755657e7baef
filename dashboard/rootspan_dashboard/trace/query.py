"""What the traces page looks for: read from the URL, changed by its widgets.

Conditions on attributes are completed from the store; a key or a value that it does not offer may be typed.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import LONGEST_NS, OPERATORS, Condition, Operator, TraceFilter
from rootspan_analysis.views.trace_search import (
    fetch_attribute_keys,
    fetch_attribute_values,
    fetch_operations,
)
from rootspan_dashboard.components.density import Box
from rootspan_dashboard.frame.header import View
from rootspan_dashboard.frame.place_choice import choose_region, choose_service
from rootspan_dashboard.frame.url_state import choice, parse_moment, read, read_all, write, write_moment
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.words.durations import parse_duration, write_duration
from rootspan_dashboard.words.literal import escape, visible

__all__ = ["draw_query", "keep_box", "read_box", "read_filter", "shown_span"]

OPERATOR_NAMES: Final = {"=": "=", "!=": "≠", "~": "contains", ">": ">", "<": "<", "exists": "is there"}
WORDS: Final = {"=": "=", "!=": "≠", "~": "contains", ">": ">", "<": "<", "exists": "is there"}
NEW_KEY, NEW_OPERATOR, NEW_VALUE = "where:key", "where:operator", "where:value"


def read_filter() -> TraceFilter:
    """The filter that the URL asks for; what makes no sense is left out."""
    found = [Condition.read(text) for text in read_all("where")]
    return TraceFilter(
        service=read("service"),
        host=read("host"),
        region=read("region"),
        operation=read("operation"),
        min_duration_ns=parse_duration(read("min")) or 0,
        max_duration_ns=parse_duration(read("max")) or LONGEST_NS,
        failed=read("failed") == "1",
        where=tuple(one for one in found if one is not None),
    )


def read_box() -> Box:
    """The box in the heatmap that the URL asks for."""
    begin, end = parse_moment(read("cell_from")), parse_moment(read("cell_to"))
    if begin is None or end is None or end <= begin:
        begin = end = None
    return Box(begin, end, parse_duration(read("min")), parse_duration(read("max")))


def keep_box(box: Box) -> None:
    """Put a brushed box into the URL."""
    write(
        cell_from=write_moment(box.from_ns) if box.from_ns is not None else None,
        cell_to=write_moment(box.to_ns) if box.to_ns is not None else None,
        min=write_duration(box.least_ns) if box.least_ns is not None else None,
        max=write_duration(box.most_ns) if box.most_ns is not None else None,
    )


def shown_span(view: View, box: Box) -> TimeSpan:
    """The range of the list: the box's within the page's range, if one was brushed."""
    if box.from_ns is None or box.to_ns is None:
        return view.span
    begin, end = max(view.span.from_ns, box.from_ns), min(view.span.to_ns, box.to_ns)
    return TimeSpan(begin, end) if end > begin else view.span


def draw_query(view: View, places: pa.Table, only: TraceFilter) -> None:
    """The widgets of the query."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="trace-query"):
        choose_service(places, width=180)
        operations = ask(fetch_operations, view.span, only.service)
        choice(
            "operation",
            ["", *operations, *({only.operation} - {"", *operations})],
            "",
            st.selectbox,
            label="Operation",
            names={"": "Any operation"},
            width=210,
        )
        choose_region(places, width=150)
        _duration("min", "From duration", "0ms")
        _duration("max", "To duration", "any")
        choice(
            "failed",
            ["", "1"],
            "",
            st.selectbox,
            label="Status",
            names={"": "Any status", "1": "Failed"},
            width=130,
        )
    _draw_conditions(view, only)


def _duration(name: str, label: str, placeholder: str) -> None:
    key = f"url:{name}"
    st.session_state[key] = read(name)

    def typed() -> None:
        text = str(st.session_state.get(key, "")).strip()
        write(**{name: text if parse_duration(text) is not None else None})

    st.text_input(label, key=key, placeholder=placeholder, on_change=typed, width=110, max_chars=20,
                  help="A number with ns, us, ms, s, min or h; milliseconds without")  # fmt: skip


def _draw_conditions(view: View, only: TraceFilter) -> None:
    """The conditions that there are, each with a button that takes it away, and the row that adds one."""
    keys = ask(fetch_attribute_keys, view.span, only.service)
    with st.container(horizontal=True, vertical_alignment="bottom", key="trace-where"):
        key = st.selectbox(
            "Attribute", keys, index=None, key=NEW_KEY, placeholder="Attribute…", accept_new_options=True,
            format_func=visible, width=270, on_change=_complete, args=(keys,),
        )  # fmt: skip
        st.selectbox(
            "Comparison",
            list(OPERATOR_NAMES),
            key=NEW_OPERATOR,
            format_func=OPERATOR_NAMES.__getitem__,
            width=120,
        )
        values: Sequence[str] = ask(fetch_attribute_values, view.span, only.service, key) if key else ()
        st.selectbox(
            "Value", values, index=None, key=NEW_VALUE, placeholder="Value…",
            accept_new_options=True, format_func=visible, width=270,
        )  # fmt: skip
        st.button(
            "Add", key="where:add", icon=":material/add:", on_click=_add, args=(only,), disabled=not key
        )
    if not (only.where or only.host):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="trace-chips"):
        if only.host:
            _chip("host", f"host = {only.host}", {"host": None})
        for number, one in enumerate(only.where):
            rest = [other.write() for other in only.where if other is not one]
            words = f"{one.key} {WORDS[one.operator]} {one.value}".strip()
            _chip(f"where:{number}", words, {"where": rest})


def _complete(keys: Sequence[str]) -> None:
    """Take the only key that holds what was typed: Enter takes the text as it is, before any key offered."""
    typed = str(st.session_state.get(NEW_KEY) or "")
    found = [one for one in keys if typed.lower() in one.lower()]
    if typed and typed not in keys and len(found) == 1:
        st.session_state[NEW_KEY] = found[0]


def _chip(key: str, words: str, taken_away: dict[str, list[str] | None]) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", width="content", key=f"chip:{key}"
    ):
        st.html(f'<span class="rs-chip">{escape(words, most=120)}</span>', width="content")
        st.button(
            "Remove",
            key=f"clear:{key}",
            type="tertiary",
            on_click=write,
            kwargs=taken_away,
            help="Take this condition away",
        )


def _add(only: TraceFilter) -> None:
    key = st.session_state.get(NEW_KEY)
    chosen = st.session_state.get(NEW_OPERATOR)
    operator: Operator = next((one for one in OPERATORS if one == chosen), "=")
    value = st.session_state.get(NEW_VALUE)
    if not key or (value is None and operator != "exists"):
        return
    new = Condition(str(key), operator, "" if operator == "exists" else str(value))
    if new not in only.where:
        write(where=[*(one.write() for one in only.where), new.write()])
    st.session_state[NEW_KEY] = st.session_state[NEW_VALUE] = None

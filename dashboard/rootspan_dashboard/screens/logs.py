"""Logs: how many by severity, which kinds of records there are, the records, and a tail that follows."""

import time
from dataclasses import replace
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.fleet import fetch_places
from rootspan_analysis.views.logs import LogFilter, fetch_log_records, fetch_log_series, fetch_log_templates
from rootspan_analysis.views.timespan import TimeSpan, pick_step
from rootspan_dashboard.charts.bars import SEVERITY_COLORS, plot_bars
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.explore.log_words import SEVERITIES, records_frame, severity_series, templates_frame
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.links import go_to
from rootspan_dashboard.frame.place_choice import choose_region, choose_service
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, read, write
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask, ask_now
from rootspan_dashboard.tables.columns import record_columns, template_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.formats import format_count, format_step
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import section

__all__ = ["OPENING", "draw"]

LISTED: Final = 300
POINTS: Final = 90
TEMPLATES: Final = 100
TAIL_S: Final = 2.0
TAIL_BACK_NS: Final = 900 * NS_PER_S


def _ask_first(span: TimeSpan) -> None:
    ask_ahead(ahead(fetch_places, span))
    if not read("live"):
        ask_ahead(ahead(fetch_log_series, span, _read_filter(), step_s=pick_step(span, most=POINTS)))


OPENING: Final = Opening("30m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Logs", OPENING)
    if view is None:
        return
    only = _draw_query(view)
    kinds = {"": "This range", "1": "Live tail"}
    tailing = choice(
        "live", ["", "1"], "", st.segmented_control, label="Records", names=kinds,
        label_visibility="collapsed", required=True,
    ) == "1"  # fmt: skip
    if tailing:
        _draw_tail(only)
        return
    with told_in_words():
        _draw_severities(view, only)
    # Only now: what costs most must not hold up what is seen first.
    kinds_step = pick_step(view.span, most=40)
    ask_ahead(
        ahead(fetch_log_templates, view.span, only, step_s=kinds_step, limit=TEMPLATES),
        ahead(fetch_log_records, view.span, only, limit=LISTED),
    )
    with told_in_words():
        _draw_templates(view, only)
    with told_in_words():
        _draw_records(view, only)


def _read_filter() -> LogFilter:
    """The filter that the URL asks for, as it stands there."""
    return LogFilter(
        read("service"), read("host"), read("region"), read("severity"), read("text"), read("template")
    )


def _draw_query(view: View) -> LogFilter:
    places = ask(fetch_places, view.span)
    key = "url:text"
    st.session_state[key] = read("text")
    with st.container(horizontal=True, vertical_alignment="bottom", key="log-query"):
        service = choose_service(places, width=190)
        region = choose_region(places, width=150)
        severity = choice(
            "severity",
            ["", *SEVERITIES],
            "",
            st.selectbox,
            label="Severity",
            names={"": "Any severity"},
            width=150,
        )
        st.text_input(
            "Text", key=key, placeholder="Part of the body", max_chars=200, width=320,
            on_change=lambda: write(text=str(st.session_state.get(key, "")) or None),
        )  # fmt: skip
    only = replace(_read_filter(), service=service, region=region, severity=severity)
    for name, value in (("template", only.template), ("host", only.host)):
        if value:
            with st.container(horizontal=True, vertical_alignment="center", key=f"log-chip:{name}"):
                st.html(f'<span class="rs-chip">{name} = {escape(value, most=160)}</span>', width="content")
                st.button("Remove", key=f"clear:{name}", type="tertiary", on_click=write, kwargs={name: None})
    return only


def _draw_severities(view: View, only: LogFilter) -> None:
    step = pick_step(view.span, most=POINTS)
    series = severity_series(ask(fetch_log_series, view.span, only, step_s=step))
    if not series:
        return
    total = sum(sum(counts) for _, counts in series.values())
    st.html(section("Records", f"{format_count(total)} in this range, by severity"))
    title = f"Records in {format_step(step)}"
    bars = plot_bars(series, SEVERITY_COLORS, span=view.span, step_s=step, title=title)
    draw_plot(bars, key="severities")


def _draw_templates(view: View, only: LogFilter) -> None:
    step = pick_step(view.span, most=40)
    table = ask(fetch_log_templates, view.span, only, step_s=step, limit=TEMPLATES)
    if not table.num_rows:
        return
    note = "records that differ in numbers, ids and quoted parts only; select a row to see its records"
    st.html(section("Kinds of records", note))
    names = table["template"].to_pylist()

    def chosen(place: int) -> None:
        write(template=names[place])

    starts = range(view.span.from_s // step * step, view.span.to_s, step)
    draw_table(templates_frame(table, starts), template_columns(), key="templates", on_row=chosen)


def _draw_records(view: View, only: LogFilter) -> None:
    table = ask(fetch_log_records, view.span, only, limit=LISTED)
    if not table.num_rows:
        say_empty(
            "No logs here", "No record of this range matches.", ["Choose a longer range, or remove a filter."]
        )
        return
    more = f"the newest {LISTED}" if table.num_rows == LISTED else format_count(table.num_rows)
    st.html(
        section("Newest first", f"{more} records; select a row to open the trace in which it was written")
    )
    _draw_list(table, "records", height=520)


def _draw_list(table: pa.Table, key: str, *, height: int) -> None:
    """Records, of which one that is selected opens the trace in which it was written."""
    chosen = st.session_state.pop(f"{key}:chosen", None)
    if chosen is not None and chosen[0]:
        go_to("Trace", trace=chosen[0], span=chosen[1])
    elif chosen is not None:
        st.toast("This record was written outside of any trace.")
    places = list(zip(table["trace_id"].to_pylist(), table["span_id"].to_pylist(), strict=True))

    def remember(row: int) -> None:
        st.session_state[f"{key}:chosen"] = places[row]

    draw_table(records_frame(table), record_columns(), key=key, height=height, on_row=remember)


def _draw_tail(only: LogFilter) -> None:
    st.html(
        section(
            "Live tail",
            f"asks the store every {TAIL_S:g} s for the newest {LISTED} of the last quarter of an hour; "
            "select a row to open its trace",
        )
    )

    @st.fragment(run_every=TAIL_S)
    def tail() -> None:
        with told_in_words():
            now = time.time_ns()
            table = ask_now(
                fetch_log_records, TimeSpan(now - TAIL_BACK_NS, now + NS_PER_S), only, limit=LISTED
            )
            if table.num_rows:
                _draw_list(table, "tail", height=640)
            else:
                say_empty(
                    "Nothing yet",
                    "No record of the last quarter of an hour matches.",
                    ["It appears here as soon as it is stored."],
                )

    tail()

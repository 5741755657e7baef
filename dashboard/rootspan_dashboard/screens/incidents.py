"""Home: is something wrong? Open and past incidents with causes, reach and cost; or that all is well."""

import time
from typing import Final

import streamlit as st

from rootspan_analysis.telemetry import balance
from rootspan_analysis.views.fleet import fetch_places
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.watching import ALIVE_NS, fetch_watcher_seen
from rootspan_analysis.watch import Incident, incidents
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.states import code_words, say_empty, told_in_words
from rootspan_dashboard.frame.url_state import read, write, write_moment
from rootspan_dashboard.incidents.record_change import draw_record_change
from rootspan_dashboard.incidents.timeline import timeline_html
from rootspan_dashboard.incidents.words import (
    asked_window,
    cause_lines,
    fleet_words,
    incident_facts,
    incident_title,
    incidents_frame,
    symptom_words,
    worst_first,
)
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import incident_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.balance import balance_facts, balance_sentence
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import facts, section

__all__ = ["OPENING", "draw"]

SHOWN_OPEN = 6


def _ask_first(span: TimeSpan) -> None:
    ask_ahead(
        ahead(incidents, from_ns=span.from_ns, to_ns=span.to_ns),
        ahead(fetch_watcher_seen),
        ahead(fetch_places, span),
    )


OPENING: Final = Opening("24h", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Incidents", OPENING)
    if view is None:
        return
    book = ask(balance)
    found = worst_first(ask(incidents, from_ns=view.span.from_ns, to_ns=view.span.to_ns))
    open_ones = [one for one in found if one.state == "open"]
    seen_ns = ask(fetch_watcher_seen)
    watching = seen_ns is not None and time.time_ns() - seen_ns < ALIVE_NS
    look, title, words = fleet_words(
        len(open_ones), watching=watching, seen_ns=seen_ns, balance=balance_sentence(book)
    )
    st.html(f'<div class="rs-verdict {look}"><h2>{escape(title)}</h2><p>{code_words(words)}</p></div>')
    with told_in_words():
        draw_record_change(ask(fetch_places, view.span))
    for one in open_ones[:SHOWN_OPEN]:
        with told_in_words():
            _draw_incident(one)
    with told_in_words():
        _draw_all(view, found)
    st.html(section("Telemetry", "what was accepted is stored, pending or quarantined; nothing else"))
    st.html(facts(balance_facts(book)))


def _draw_incident(one: Incident) -> None:
    badge = f'<span class="rs-severity {escape(one.severity)}">{escape(one.severity)}</span>'
    words = symptom_words(one)
    symptom = f"<p>{escape(words)}</p>" if words else ""
    lines = "".join(f"<li>{escape(line, most=400)}</li>" for line in cause_lines(one) if line)
    causes = f'<ol class="rs-causes">{lines}</ol>' if lines else ""
    with st.container(border=True, key=f"incident:{one.id}"):
        st.html(
            f'<div class="rs-card"><h3>{badge}{escape(incident_title(one))}</h3>'
            f"{symptom}{causes}{facts(incident_facts(one))}</div>"
        )
        begin, end = asked_window(one)
        window = {"from": write_moment(begin), "to": write_moment(end)}
        with st.container(horizontal=True):
            link_to("Root cause", "Explain", icon=":material/troubleshoot:", service="", **window)
            link_to("Fleet", "Fleet then", icon=":material/grid_view:", **window)
            link_to(
                "Traces",
                "Its traces",
                icon=":material/account_tree:",
                service=one.lead.service,
                operation=one.lead.operation,
                **window,
            )


def _draw_all(view: View, found: list[Incident]) -> None:
    st.html(
        section(
            "Incidents", "of the range above, open ones first, then the newest; select a row for its causes"
        )
    )
    if not found:
        say_empty(
            "None in this range", "The watcher opened no incident in it.", ["Choose a longer range above."]
        )
        return
    st.html(timeline_html(found, view.span))
    ids = [one.id for one in found]

    def chosen(place: int) -> None:
        write(incident=ids[place])

    draw_table(incidents_frame(found), incident_columns(), key="incidents", on_row=chosen)
    wanted = next((one for one in found if one.id == read("incident")), found[0])
    if wanted.state == "closed":
        _draw_incident(wanted)

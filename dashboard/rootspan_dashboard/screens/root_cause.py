"""Why was it slow or broken in this window? The engine's verdict, its causes, and the evidence for each."""

from typing import Final

import streamlit as st

from rootspan_analysis import Explanation, Question, QuestionError
from rootspan_analysis.question import LONGEST_S, NS_PER_S, SHORTEST_S
from rootspan_analysis.telemetry import balance
from rootspan_analysis.views.fleet import fetch_entries, fetch_places
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.cause.card import draw_cause
from rootspan_dashboard.cause.share import draw_share
from rootspan_dashboard.cause.view import view_cause
from rootspan_dashboard.cause.window_picker import draw_window_picker
from rootspan_dashboard.cause.words import answer_facts, exonerated_words, verdict_words
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.place_choice import choose_service
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import read, write_moment
from rootspan_dashboard.incidents.record_change import draw_record_change
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.answers import answer
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.words.balance import balance_sentence
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import facts, section

__all__ = ["OPENING", "draw"]

STEADY_NS: Final = 30 * NS_PER_S
"""Windows that end now move in steps of this size, so that an answer is not stale before it is read."""


def _ask_first(span: TimeSpan) -> None:
    ask_ahead(ahead(fetch_places, span), *([] if read("service") else [ahead(fetch_entries, span)]))


OPENING: Final = Opening("15m", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Root cause", OPENING)
    if view is None:
        return
    places = ask(fetch_places, view.span)
    row = st.container(horizontal=True, vertical_alignment="center", key="question")
    with row:
        service = choose_service(places, everything="All requests", label_visibility="collapsed", width=230)
    question = _question(view, service)
    if question is None:
        return
    with told_in_words():
        draw_window_picker(view, question)
    found = answer(question)
    _draw_verdict(found)
    causes = [view_cause(cause, found) for cause in found.causes]
    state, words = balance_sentence(ask(balance))
    with row:
        draw_share(question, found, causes, telemetry=words)
        draw_record_change(places)
    for one in causes:
        with told_in_words():
            draw_cause(one)
    _draw_exonerated(found)
    if not causes:
        window = {"from": write_moment(question.from_ns), "to": write_moment(question.to_ns)}
        with st.container(horizontal=True):
            link_to("Fleet", "See the fleet in this window", icon=":material/grid_view:", **window)
            link_to("Traces", "See its slowest traces", icon=":material/account_tree:", **window)
    st.html(f'<div class="rs-note"><span class="rs-{state}">Telemetry: {escape(words)}</span></div>')


def _question(view: View, service: str) -> Question | None:
    span = view.span
    to_ns = span.to_ns
    from_ns = span.from_ns
    if view.chosen.preset and not view.chosen.stale:
        to_ns = to_ns // STEADY_NS * STEADY_NS
        from_ns = to_ns - (span.to_ns - span.from_ns)
    try:
        return Question(from_ns, to_ns, service=service or None)
    except QuestionError as error:
        say_empty(
            "This window cannot be asked about",
            f"{str(error).capitalize()}.",
            [f"Choose a window of {SHORTEST_S:g} s to {LONGEST_S // 86400} days."],
        )
        return None


def _draw_verdict(found: Explanation) -> None:
    look, title, words = verdict_words(found)
    st.html(f'<div class="rs-verdict {look}"><h2>{escape(title)}</h2><p>{escape(words)}</p></div>')
    st.html(facts(answer_facts(found)))


def _draw_exonerated(found: Explanation) -> None:
    """Who looked ill but is not at fault: what a person would otherwise look at next."""
    told = exonerated_words(found)
    if not told:
        return
    st.html(section("Not at fault", "what stood out too, and why it is not the cause"))
    rows = "".join(f"<li><b>{escape(name)}</b> {escape(words)}</li>" for name, words in told)
    st.html(f'<ul class="rs-exonerated">{rows}</ul>')

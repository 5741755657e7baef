"""One cause on the screen: what it is and costs, its evidence with charts and SQL, and traces to look at."""

import streamlit as st

from rootspan_analysis.explanation import Cause, Evidence, Explanation
from rootspan_analysis.views.evidence import fetch_evidence
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.cause_words import cause_name, headline, impact_facts, tags
from rootspan_dashboard.charts.evidence import draw_evidence
from rootspan_dashboard.connection import ask
from rootspan_dashboard.examples import Example, fetch_examples
from rootspan_dashboard.formats import format_ms, format_time
from rootspan_dashboard.links import link_to
from rootspan_dashboard.literal import escape, visible
from rootspan_dashboard.markup import facts
from rootspan_dashboard.states import told_in_words
from rootspan_dashboard.url_state import write_moment

__all__ = ["draw_cause"]


def draw_cause(cause: Cause, answer: Explanation) -> None:
    """Draw the card."""
    with st.container(border=True, key=f"cause:{cause.rank}"):
        labels = "".join(
            f"<span><em>{escape(name)}</em>{escape(value)}</span>" for name, value in tags(cause)
        )
        st.html(
            f'<div class="rs-card"><h3>{cause.rank}. {escape(headline(cause))}</h3>'
            f'<div class="tags">{labels}</div>'
            f"{facts(impact_facts(cause))}</div>"
        )
        for first in range(0, len(cause.evidence), 2):
            columns = st.columns(2, gap="medium")
            for column, one in zip(columns, cause.evidence[first : first + 2], strict=False):
                with column:
                    _draw_evidence(cause, one)
        with told_in_words():
            _draw_examples(cause, answer)


def _draw_evidence(cause: Cause, one: Evidence) -> None:
    words = f"<i>{escape(one.signal)}</i><div>{escape(one.text)}</div>"
    st.html(f'<div class="rs-evidence charted">{words}</div>')
    hosts = tuple(part.strip() for part in cause.entity.get("host.name", "").split(",") if part.strip())
    key = f"{cause.rank}:{cause.evidence.index(one)}"
    with told_in_words():
        courses = ask(fetch_evidence, one, hosts)
        if courses is not None:
            figure = draw_evidence(courses, suspect_name=cause_name(cause), onset_ns=cause.onset_unix_ns)
            st.plotly_chart(figure, key=f"evidence:{key}", config={"displayModeBar": False})
    with st.expander("SQL"):
        st.code(visible(one.sql, most=20_000), language="sql", wrap_lines=True)


def _draw_examples(cause: Cause, answer: Explanation) -> None:
    onset = cause.onset_unix_ns or answer.window.from_ns
    during = TimeSpan(min(onset, answer.window.to_ns - 1), answer.window.to_ns)
    before = (
        TimeSpan(answer.baseline.from_ns, answer.baseline.to_ns)
        if answer.baseline.to_ns > answer.baseline.from_ns
        else None
    )
    suspects, normal, normal_words = fetch_examples(cause, during, before)
    left, right = st.columns(2, gap="medium")
    with left:
        failing = "error" in cause.fault
        _draw_list("Failed there" if failing else "Slowest there", suspects, during, key=f"{cause.rank}:bad")
    with right:
        _draw_list(normal_words, normal, during, key=f"{cause.rank}:good")


def _draw_list(title: str, examples: tuple[Example, ...], span: TimeSpan, *, key: str) -> None:
    st.html(f'<div class="rs-evidence"><i>traces</i><div>{escape(title)}</div></div>')
    if not examples:
        st.html('<div class="rs-note">none in the store</div>')
        return
    window = {"from": write_moment(span.from_ns), "to": write_moment(span.to_ns)}
    for number, one in enumerate(examples):
        with st.container(horizontal=True, vertical_alignment="center", key=f"example:{key}:{number}"):
            link_to(
                "Trace",
                "Open",
                icon=":material/account_tree:",
                trace=one.trace_id,
                span=one.span_id,
                **window,
            )
            failed = " · failed" if one.failed else ""
            st.html(
                f"<div><b>{escape(format_ms(one.duration_ns / 1e6))}</b> "
                f"{escape(one.operation)} · {escape(one.service)} "
                f'<span class="rs-muted">{escape(one.host)} · {format_time(one.start_ns)}{failed}</span>'
                "</div>",
                width="content",
            )

"""One cause on the screen: what it is and costs, its evidence with charts and SQL, and traces to look at."""

import streamlit as st

from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.cause.examples import Example
from rootspan_dashboard.cause.view import CauseView, EvidenceView
from rootspan_dashboard.cause.words import chart_name, headline, impact_facts, tags, what_if_words
from rootspan_dashboard.charts.evidence import plot_evidence
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.url_state import write_moment
from rootspan_dashboard.words.formats import format_time
from rootspan_dashboard.words.literal import escape, visible
from rootspan_dashboard.words.markup import facts

__all__ = ["draw_cause"]


def draw_cause(view: CauseView) -> None:
    """Draw the card."""
    cause = view.cause
    with st.container(border=True, key=f"cause:{cause.rank}"):
        labels = "".join(
            f"<span><em>{escape(name)}</em>{escape(value)}</span>" for name, value in tags(cause)
        )
        st.html(
            f'<div class="rs-card"><h3>{cause.rank}. {escape(headline(cause))}</h3>'
            f'<div class="tags">{labels}</div>'
            f"{facts(impact_facts(cause))}</div>"
        )
        words = what_if_words(cause)
        if words:
            st.html(f'<div class="rs-evidence"><i>what if</i><div>{escape(words)}</div></div>')
        _draw_ways(view)
        for first in range(0, len(view.evidence), 2):
            columns = st.columns(2, gap="medium")
            for number, column in enumerate(columns, start=first):
                if number < len(view.evidence):
                    with column:
                        _draw_evidence(view, view.evidence[number], f"{cause.rank}:{number}")
        _draw_examples(view)


def _draw_ways(view: CauseView) -> None:
    """Where the thing at fault has a page of its own, in the cause's window."""
    entity = view.cause.entity
    window = {"from": write_moment(view.axis.from_ns), "to": write_moment(view.during.to_ns), "service": ""}
    host, job = entity.get("host.name", ""), entity.get("training.job.id", "")
    one_host = host if "," not in host else ""
    if not one_host and not job:
        return
    with st.container(horizontal=True, key=f"ways:{view.cause.rank}"):
        if job:
            link_to("Training", "Its job", icon=":material/model_training:", job=job, **window)
        if one_host:
            link_to("Host", "Its host", icon=":material/dns:", host=one_host, **window)
            link_to("Logs", "Its logs", icon=":material/notes:", host=one_host, **window)


def _draw_evidence(view: CauseView, one: EvidenceView, key: str) -> None:
    evidence = one.evidence
    st.html(
        f'<div class="rs-evidence charted"><i>{escape(evidence.signal)}</i>'
        f"<div>{escape(evidence.text)}</div></div>"
    )
    if one.courses is not None:
        plot = plot_evidence(
            one.courses,
            suspect_name=chart_name(view.cause),
            onset_ns=view.cause.onset_unix_ns,
            axis=view.axis,
            without=view.without(one),
        )
        draw_plot(plot, key=f"evidence:{key}")
    elif one.problem:
        st.html(f'<div class="rs-note">no chart: {escape(one.problem, most=300)}</div>')
    with st.expander("SQL"):
        st.code(visible(evidence.sql, most=20_000), language="sql", wrap_lines=True)


def _draw_examples(view: CauseView) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        fault = view.cause.fault
        how = "Failed" if "error" in fault else "Pending" if fault == "hang" else "Slowest"
        _draw_list(f"{how} there", view.hurt, view.during, key=f"{view.cause.rank}:bad", against=view.normal)
    with right:
        _draw_list(view.normal_words, view.normal, view.during, key=f"{view.cause.rank}:good")


def _draw_list(
    title: str, examples: tuple[Example, ...], span: TimeSpan, *, key: str, against: tuple[Example, ...] = ()
) -> None:
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
            if against:
                pair = {"trace": one.trace_id, "with": against[0].trace_id}
                link_to("Trace", "Compare", icon=":material/compare_arrows:", **window, **pair)
            failed = " · failed" if one.failed else ""
            st.html(
                f"<div><b>{escape(one.took)}</b> "
                f"{escape(one.operation)} · {escape(one.service)} "
                f'<span class="rs-muted">{escape(one.host)} · {format_time(one.start_ns)}{failed}</span>'
                "</div>",
                width="content",
            )

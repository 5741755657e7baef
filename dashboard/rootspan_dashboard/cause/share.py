"""How to send an answer to somebody: a link that shows the same window later, and reports as files."""

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from rootspan_analysis import Explanation, Question
from rootspan_dashboard.cause.report import html_report, markdown_bundle, markdown_report
from rootspan_dashboard.cause.view import CauseView
from rootspan_dashboard.frame.url_state import write, write_moment

__all__ = ["draw_share", "fixed_link"]

REPORTS: Final = (
    ("Report as HTML", "html", "text/html", html_report,
     "One file with charts and SQL; opens without rootspan"),
    ("Report as Markdown", "md", "text/markdown", markdown_report,
     "One text with tables and SQL, to paste into a ticket"),
    ("Markdown with pictures", "zip", "application/zip", markdown_bundle,
     "A ZIP with the text and its charts as SVG"),
)  # fmt: skip


def draw_share(
    question: Question, answer: Explanation, causes: Sequence[CauseView], *, telemetry: str
) -> None:
    """Draw the menu."""
    link = fixed_link(st.context.url or "", question)
    written = time.time_ns()
    with st.popover("Share", icon=":material/ios_share:", key="share"):
        st.caption("A link with the window's own times, so that it shows the same later")
        st.code(link, language=None, wrap_lines=True)
        st.button("Put these times into the address", icon=":material/push_pin:", key="pin", on_click=_pin,
                  args=(question,), width="stretch")  # fmt: skip
        for name, ending, mime, make, words in REPORTS:
            st.download_button(
                name,
                make(answer, causes, link=link, telemetry=telemetry, written_ns=written),
                f"rootspan-{write_moment(question.to_ns).replace(':', '')}.{ending}",
                mime,
                icon=":material/download:",
                key=f"report:{ending}",
                on_click="ignore",
                help=words,
                width="stretch",
            )


def fixed_link(url: str, question: Question) -> str:
    """Address of the page with the question in it."""
    parts = urlsplit(url)
    query = {"from": write_moment(question.from_ns), "to": write_moment(question.to_ns)}
    if question.service:
        query["service"] = question.service
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def _pin(question: Question) -> None:
    write(**{"last": None, "from": write_moment(question.from_ns), "to": write_moment(question.to_ns)})

"""The chosen span beside the waterfall: all that is known of it, and where its links lead, both ways."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from rootspan_analysis.views.trace_tree import TraceTree
from rootspan_analysis.views.traces import (
    SpanDetail,
    TraceBounds,
    fetch_linked_spans,
    fetch_links_to,
    fetch_span_detail,
)
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.states import say_empty
from rootspan_dashboard.frame.url_state import write
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.trace.words import attribute_lines, span_html
from rootspan_dashboard.words.formats import format_ms
from rootspan_dashboard.words.literal import escape

__all__ = ["draw_span"]

MOST_LINKS: Final = 8
HEIGHT: Final = 640


def draw_span(trace_id: str, tree: TraceTree, place: int, bounds: TraceBounds) -> None:
    """Draw the panel."""
    span = tree.spans[place]
    detail = ask(fetch_span_detail, trace_id, span.span_id, bounds)
    if detail is None:
        say_empty("No such span", "It was there a moment ago; the store no longer has it.")
        return
    with st.container(height=HEIGHT, border=True, key="span"):
        st.html(span_html(detail, span.self_ns, tree.critical_ns(place), tree.start_ns))
        _draw_links(detail, bounds)
        _draw_links_here(trace_id, span.span_id, bounds)
        if span.host:
            link_to(
                "Traces",
                "Traces through this host",
                icon=":material/dns:",
                host=span.host,
                service=span.service,
            )


def _draw_links(detail: SpanDetail, bounds: TraceBounds) -> None:
    """The spans that this one refers to: the requests of a batch, for example."""
    if not detail.links:
        return
    st.html(f'<div class="rs-span"><h4>Refers to ({len(detail.links)})</h4></div>')
    shown = detail.links[:MOST_LINKS]
    table = ask(
        fetch_linked_spans, tuple(one.trace_id for one in shown), tuple(one.span_id for one in shown), bounds
    )
    known = {(row["trace_id"], row["span_id"]): row for row in table.to_pylist()}
    for number, link in enumerate(shown, start=1):
        row = known.get((link.trace_id, link.span_id))
        told = _told(row) if row else f"span {link.span_id}, not within a quarter of an hour"
        with st.container(horizontal=True, vertical_alignment="center", key=f"link:{number}"):
            _open(f"Open link {number}", link.trace_id, link.span_id)
            st.html(f'<span class="rs-note">{escape(told)}</span>', width="content")
        attributes = attribute_lines(link.attributes)
        if attributes:
            st.html(f'<div class="rs-note">{escape(attributes)}</div>')


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['operation']} · {row['service']} {format_ms(row['duration_ns'] / 1e6)}"


def _draw_links_here(trace_id: str, span_id: str, bounds: TraceBounds) -> None:
    """Spans of other traces that refer to this one: the batch that a request joined, for example."""
    found = [
        row for row in ask(fetch_links_to, trace_id, bounds).to_pylist() if span_id in row["to_span_ids"]
    ]
    if not found:
        return
    st.html(f'<div class="rs-span"><h4>Referred to by ({len(found)})</h4></div>')
    for number, row in enumerate(found[:MOST_LINKS], start=1):
        with st.container(horizontal=True, vertical_alignment="center", key=f"linked:{number}"):
            _open(f"Open {number}", row["trace_id"], row["span_id"])
            st.html(f'<span class="rs-note">{escape(_told(row))}</span>', width="content")


def _open(label: str, trace_id: str, span_id: str) -> None:
    """A button that opens another trace. A link to the same page would not change the address."""
    if st.button(label, icon=":material/link:", key=f"open:{label}:{span_id}", type="tertiary"):
        write(trace=trace_id, span=span_id, rows=None)
        st.rerun()

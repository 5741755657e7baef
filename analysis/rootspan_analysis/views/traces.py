"""Read models of one trace: its spans, a span's details, its logs, its hosts' gauges, what links to it.

Every look-up of a trace goes through `rootspan_trace_times`, so that only the minutes of that trace are
read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.clock_skew import estimate_skew, shifted
from rootspan_analysis.views.statements import ArrowClient, run_statement
from rootspan_analysis.views.trace_tree import TraceTree, build_tree

__all__ = [
    "MAX_LOGS",
    "MAX_SPANS",
    "SpanDetail",
    "SpanEvent",
    "SpanLink",
    "TraceBounds",
    "fetch_linked_spans",
    "fetch_links_to",
    "fetch_span_detail",
    "fetch_trace_bounds",
    "fetch_trace_gauges",
    "fetch_trace_logs",
    "fetch_trace_spans",
    "fetch_trace_tree",
    "normalize_trace_id",
]

MAX_SPANS: Final = 200_000
"""Spans of one trace that are read, the longest of them; each costs about 0.4 kB of memory here."""
MAX_LOGS: Final = 1_000
LOGS_BEFORE_NS: Final = 60 * NS_PER_S
LOGS_AFTER_NS: Final = 3600 * NS_PER_S
GAUGES_AROUND_NS: Final = 90 * NS_PER_S
"""Gauges are sampled every 10 to 60 s: a short trace lies between two points."""
MAX_GAUGE_POINTS: Final = 20_000
LINKS_AROUND_NS: Final = 900 * NS_PER_S
MAX_LINKS: Final = 100
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class TraceBounds:
    """Start of a trace's first and last span, unix nanoseconds."""

    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened within a span; `attributes` is JSON text."""

    at_ns: int
    name: str
    attributes: str


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A span that this one refers to; `attributes` is JSON text."""

    trace_id: str
    span_id: str
    attributes: str


@dataclass(frozen=True, slots=True)
class SpanDetail:
    """All that is known of one span."""

    span_id: str
    parent_id: str
    operation: str
    kind: str
    service: str
    host: str
    start_ns: int
    duration_ns: int
    status: str
    status_message: str
    trace_state: str
    scope: str
    scope_version: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    dropped_attributes: int
    dropped_events: int
    dropped_links: int


def normalize_trace_id(text: str) -> str | None:
    """32 lower-case hex digits of what somebody pasted (spaces, capitals, dashes, `0x`, a traceparent).

    None if none.
    """
    cleaned = text.strip().lower().removeprefix("0x")
    parts = cleaned.split("-")
    if len(parts) == 4 and len(parts[1]) == 32:  # W3C traceparent: version-trace-parent-flags
        cleaned = parts[1]
    cleaned = cleaned.replace("-", "")
    return cleaned if _TRACE_ID.fullmatch(cleaned) else None


def fetch_trace_bounds(client: ArrowClient, trace_id: str) -> TraceBounds | None:
    """Where in time a trace lies; None if the store does not know it."""
    (row,) = run_statement(client, "trace_bounds", trace_id=trace_id).to_pylist()
    return TraceBounds(row["first_ns"], row["last_ns"]) if row["parts"] else None


def fetch_trace_spans(
    client: ArrowClient, trace_id: str, bounds: TraceBounds, *, limit: int = MAX_SPANS
) -> pa.Table:
    """The trace's spans without attributes, longest first, at most `limit`.

    `spans_in_trace` counts all of them.
    """
    return run_statement(
        client,
        "trace_spans",
        trace_id=trace_id,
        first_ns=bounds.first_ns,
        last_ns=bounds.last_ns,
        limit=limit,
    )


def fetch_trace_tree(
    client: ArrowClient, trace_id: str, bounds: TraceBounds, *, one_clock: bool = True
) -> TraceTree | None:
    """The trace's spans as a tree; None if the store has none.

    Args:
        one_clock: Put all spans onto the clock of the root's host, where hosts' clocks must differ.
    """
    spans = fetch_trace_spans(client, trace_id, bounds)
    skews = estimate_skew(spans) if spans.num_rows else ()
    return build_tree(shifted(spans, skews) if one_clock else spans, skews=skews)


def fetch_span_detail(
    client: ArrowClient, trace_id: str, span_id: str, bounds: TraceBounds
) -> SpanDetail | None:
    """One span with attributes, events and links; None if it is not there."""
    rows = run_statement(
        client,
        "span_detail",
        trace_id=trace_id,
        span_id=span_id,
        first_ns=bounds.first_ns,
        last_ns=bounds.last_ns,
    ).to_pylist()
    if not rows:
        return None
    row = rows[0]
    plain = (
        "span_id", "parent_id", "operation", "kind", "service", "host", "start_ns", "duration_ns", "status",
        "status_message", "trace_state", "scope", "scope_version", "dropped_attributes", "dropped_events",
        "dropped_links",
    )  # fmt: skip
    return SpanDetail(
        **{name: row[name] for name in plain},
        attributes=dict(zip(row["attribute_keys"], row["attribute_values"], strict=True)),
        resource=dict(zip(row["resource_keys"], row["resource_values"], strict=True)),
        events=tuple(
            SpanEvent(*one)
            for one in zip(row["event_ns"], row["event_names"], row["event_attributes"], strict=True)
        ),
        links=tuple(
            SpanLink(*one)
            for one in zip(row["link_trace_ids"], row["link_span_ids"], row["link_attributes"], strict=True)
        ),
    )


def fetch_trace_logs(
    client: ArrowClient, trace_id: str, bounds: TraceBounds, *, limit: int = MAX_LOGS
) -> pa.Table:
    """`at_ns, span_id, severity, service, host, body, attribute_keys, attribute_values`, oldest first.

    Looks from a minute before the trace to an hour after its last span began.
    """
    return run_statement(
        client,
        "trace_logs",
        trace_id=trace_id,
        first_ns=bounds.first_ns - LOGS_BEFORE_NS,
        last_ns=bounds.last_ns + LOGS_AFTER_NS,
        limit=limit,
    )


def fetch_trace_gauges(
    client: ArrowClient, hosts: Sequence[str], metrics: Sequence[str], bounds: TraceBounds
) -> pa.Table:
    """`host, metric, unit, at_ns, value` around the trace, oldest first; a host's devices as their mean."""
    return run_statement(
        client,
        "host_gauges",
        hosts=list(hosts),
        metrics=list(metrics),
        from_ns=bounds.first_ns - GAUGES_AROUND_NS,
        to_ns=bounds.last_ns + GAUGES_AROUND_NS,
        limit=MAX_GAUGE_POINTS,
    )


def fetch_linked_spans(
    client: ArrowClient, trace_ids: tuple[str, ...], span_ids: tuple[str, ...], bounds: TraceBounds
) -> pa.Table:
    """Spans that links of a trace's span name, from a quarter of an hour before the trace to one after it.

    Returns:
        `trace_id, span_id, service, operation, duration_ns`, oldest first; not those that the store lacks.
    """
    return run_statement(
        client,
        "linked_spans",
        trace_ids=list(trace_ids),
        span_ids=list(span_ids),
        first_ns=bounds.first_ns - LINKS_AROUND_NS,
        last_ns=bounds.last_ns + LINKS_AROUND_NS,
        limit=MAX_LINKS,
    )


def fetch_links_to(client: ArrowClient, trace_id: str, bounds: TraceBounds) -> pa.Table:
    """Spans of other traces that link to this one, from a quarter of an hour before to one after it.

    Returns:
        `trace_id, span_id, service, operation, host, start_ns, duration_ns, to_span_ids`, oldest first.
    """
    return run_statement(
        client,
        "links_to_trace",
        trace_id=trace_id,
        first_ns=bounds.first_ns - LINKS_AROUND_NS,
        last_ns=bounds.last_ns + LINKS_AROUND_NS,
        limit=MAX_LINKS,
    )

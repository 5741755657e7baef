"""Read models of traces: lists of examples, one trace's spans, a span's details, a trace's logs.

Every look-up of a trace goes through `otel_traces_trace_id_ts`, so that only the minutes of that trace are
read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.statements import ArrowClient, run_statement
from rootspan_analysis.views.timespan import TimeSpan

__all__ = [
    "MAX_LOGS",
    "MAX_SPANS",
    "SpanDetail",
    "SpanEvent",
    "SpanLink",
    "TraceBounds",
    "TraceFilter",
    "TraceOrder",
    "fetch_span_detail",
    "fetch_trace_bounds",
    "fetch_trace_list",
    "fetch_trace_logs",
    "fetch_trace_spans",
    "normalize_trace_id",
]

TraceOrder = Literal["slowest", "failed", "random"]
MAX_SPANS: Final = 50_000
"""Spans of one trace that are read, the longest of them; each costs about 1 kB of memory here."""
MAX_LOGS: Final = 1_000
LOGS_BEFORE_NS: Final = 60 * NS_PER_S
LOGS_AFTER_NS: Final = 3600 * NS_PER_S
LONGEST_NS: Final = (1 << 64) - 1
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which spans stand for traces in a list; empty names and bounds mean all.

    Without service, host and operation a trace is listed by its root span.
    `without` is a (service, host) pair that must not be the span's own.
    """

    service: str = ""
    host: str = ""
    region: str = ""
    operation: str = ""
    without: tuple[str, str] = ("", "")
    min_duration_ns: int = 0
    max_duration_ns: int = LONGEST_NS


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


def fetch_trace_list(
    client: ArrowClient, span: TimeSpan, only: TraceFilter, *, order: TraceOrder, limit: int
) -> pa.Table:
    """Traces with a matching span in the range.

    Returns:
        `trace_id, span_id, start_ns, service, operation, host, duration_ns, status, status_message` of the
        span that matched; one row a trace. `slowest`: longest first; `failed`: newest first; `random`: the
        same ones each time.
    """
    return run_statement(
        client,
        "trace_list",
        from_ns=span.from_ns,
        to_ns=span.to_ns,
        service=only.service,
        host=only.host,
        region=only.region,
        operation=only.operation,
        without_service=only.without[0],
        without_host=only.without[1],
        min_duration_ns=only.min_duration_ns,
        max_duration_ns=only.max_duration_ns,
        order=order,
        limit=limit,
    )


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

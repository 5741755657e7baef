"""Read models of the fleet page: extent of the data, totals, groups, cells of hosts, and the telemetry's
balance.

Every count is scaled up by the senders' sampling ratio (`rootspan.sampling.ratio`); quantiles come from the
rollup's logarithmic histograms, whose buckets are 9 % wide, and are interpolated within one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.statements import ArrowClient, run_statement
from rootspan_analysis.views.timespan import TimeSpan

__all__ = [
    "Entry",
    "Extent",
    "Filters",
    "Totals",
    "fetch_entries",
    "fetch_extent",
    "fetch_fleet_series",
    "fetch_gauge_cells",
    "fetch_gauge_names",
    "fetch_group_series",
    "fetch_group_totals",
    "fetch_host_cells",
    "fetch_places",
    "fetch_request_cells",
    "fetch_totals",
]

ENTRY_SAMPLE_NS = 120 * NS_PER_S
ENTRY_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Extent:
    """When the stored spans begin and end, unix nanoseconds, and how many instances sent them."""

    first_ns: int
    last_ns: int
    instances: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look at; an empty name means all."""

    service: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation that begins traces."""

    service: str
    operation: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The fleet over one range. Counts are scaled up for sampling; latencies are NaN without requests.

    Attributes:
        sampled: Whether any sender kept a part of its traces only.
    """

    hosts: int
    spans: float
    requests: float
    errors: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    sampled: bool

    @property
    def error_ratio(self) -> float:
        """Failed requests per request, 0-1; NaN without requests."""
        return self.errors / self.requests if self.requests else math.nan


def fetch_extent(client: ArrowClient) -> Extent | None:
    """When the stored spans begin and end; None in a store without spans."""
    (row,) = run_statement(client, "extent").to_pylist()
    return Extent(row["first_ns"], row["last_ns"], row["instances"]) if row["instances"] else None


def fetch_places(client: ArrowClient, span: TimeSpan) -> pa.Table:
    """`service, host, region, zone, rack, switch` of whatever was seen in the range."""
    return run_statement(client, "places", from_ns=span.from_ns, to_ns=span.to_ns)


def fetch_entries(client: ArrowClient, span: TimeSpan) -> tuple[Entry, ...]:
    """Operations that begin traces, the most frequent first, as seen in the last two minutes with spans.

    Steps of training jobs count only where there is nothing else: beside requests of milliseconds they would
    be all that a latency tells. Empty when no span there is a root.
    """
    end_ns = _last_minute_ns(client, span)
    begin = max(span.from_ns, end_ns - ENTRY_SAMPLE_NS)
    for with_jobs in (0, 1):
        table = run_statement(
            client,
            "entry_operations",
            from_ns=begin,
            to_ns=end_ns,
            limit=ENTRY_LIMIT,
            with_jobs=with_jobs,
        )
        if table.num_rows:
            break
    return tuple(Entry(row["service"], row["operation"]) for row in table.to_pylist())


def _last_minute_ns(client: ArrowClient, span: TimeSpan) -> int:
    """Where the range's spans end, to the minute; the range's end if it has none."""
    (row,) = run_statement(client, "last_minute", from_s=span.from_s, to_s=span.to_s).to_pylist()
    return min(span.to_ns, (row["minute_s"] + 60) * NS_PER_S) if row["minute_s"] else span.to_ns


def _scope(span: TimeSpan, filters: Filters, entries: Sequence[Entry]) -> dict[str, str | int | list[str]]:
    return {
        "from_s": span.from_s,
        "to_s": span.to_s,
        "service": filters.service,
        "region": filters.region,
        "entry_services": [one.service for one in entries],
        "entry_operations": [one.operation for one in entries],
    }


def fetch_totals(
    client: ArrowClient, span: TimeSpan, filters: Filters, entries: Sequence[Entry]
) -> Totals | None:
    """The fleet over the range; None if no span lies in it.

    Args:
        entries: Operations that count as requests; empty: whatever serves somebody (server and consumer
            spans, and all spans of services that have none).
    """
    rows = run_statement(client, "fleet_totals", step_s=0, **_scope(span, filters, entries)).to_pylist()
    if not rows:
        return None
    row = rows[0]
    return Totals(
        hosts=row["hosts"],
        spans=row["spans"],
        requests=row["requests"],
        errors=row["errors"],
        p50_ms=row["p50_ms"],
        p95_ms=row["p95_ms"],
        p99_ms=row["p99_ms"],
        sampled=bool(row["sampled"]),
    )


def fetch_fleet_series(
    client: ArrowClient, span: TimeSpan, filters: Filters, entries: Sequence[Entry], *, step_s: int
) -> pa.Table:
    """`at_s, hosts, spans, requests, errors, p50_ms, p95_ms, p99_ms` by bucket of time, oldest first."""
    table = run_statement(client, "fleet_totals", step_s=step_s, **_scope(span, filters, entries))
    return table.select(["at_s", "hosts", "spans", "requests", "errors", "p50_ms", "p95_ms", "p99_ms"])


_GROUP_COLUMNS = ["name", "at_s", "hosts", "requests", "errors", "p50_ms", "p95_ms", "p99_ms"]


def fetch_group_totals(
    client: ArrowClient,
    span: TimeSpan,
    filters: Filters,
    entries: Sequence[Entry],
    *,
    dimension: Literal["service", "region"],
) -> pa.Table:
    """`name, at_s, hosts, requests, errors, p50_ms, p95_ms, p99_ms`, a row for each service or region."""
    scope = _scope(span, filters, entries)
    return run_statement(client, "group_totals", dimension=dimension, step_s=0, **scope).select(
        _GROUP_COLUMNS
    )


def fetch_group_series(
    client: ArrowClient,
    span: TimeSpan,
    filters: Filters,
    entries: Sequence[Entry],
    *,
    dimension: Literal["service", "region"],
    step_s: int,
) -> pa.Table:
    """As `fetch_group_totals`, a row for each of them and bucket of time."""
    scope = _scope(span, filters, entries)
    return run_statement(client, "group_totals", dimension=dimension, step_s=step_s, **scope).select(
        _GROUP_COLUMNS
    )


def fetch_host_cells(
    client: ArrowClient, span: TimeSpan, filters: Filters, *, quantile: float, step_s: int
) -> pa.Table:
    """`service, host, at_s, requests, errors, latency_ms` of the spans by which a service serves.

    On each host.
    """
    table = run_statement(
        client,
        "host_cells",
        from_s=span.from_s,
        to_s=span.to_s,
        service=filters.service,
        region=filters.region,
        quantile=quantile,
        step_s=step_s,
    )
    return table.select(["service", "host", "at_s", "requests", "errors", "latency_ms"])


def fetch_gauge_cells(
    client: ArrowClient, span: TimeSpan, filters: Filters, *, metric: str, step_s: int
) -> pa.Table:
    """`service, host, at_s, mean_value, max_value` of a gauge, in the gauge's own unit."""
    return run_statement(
        client,
        "gauge_cells",
        metric=metric,
        from_s=span.from_s,
        to_s=span.to_s,
        service=filters.service,
        region=filters.region,
        step_s=step_s,
    )


def fetch_gauge_names(client: ArrowClient, span: TimeSpan) -> tuple[str, ...]:
    """Names of the gauges that the range holds, sorted."""
    table = run_statement(client, "gauge_names", from_s=span.from_s, to_s=span.to_s)
    return tuple(table.column("metric").to_pylist())


def fetch_request_cells(
    client: ArrowClient, span: TimeSpan, filters: Filters, entries: Sequence[Entry], *, step_s: int
) -> pa.Table:
    """`at_ns, bucket, spans, failed` of requests, from the rollup: `failed` is always 0.

    Buckets as in `trace_search.fetch_latency_cells`; the rollup does not know failed spans' durations apart.
    """
    return run_statement(client, "request_cells", step_s=step_s, **_scope(span, filters, entries))

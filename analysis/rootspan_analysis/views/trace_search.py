"""Read models for finding traces: lists, the spread of latencies, completion of names.

Every value that a person types is a bound parameter, the keys of attributes too.
"""

from typing import Final

import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.attribute_conditions import (
    condition_parameters,
    conditions_sql,
    fetch_key_places,
)
from rootspan_analysis.views.statements import ArrowClient, Parameter, run_search, run_statement
from rootspan_analysis.views.timespan import TimeSpan, pick_slices
from rootspan_analysis.views.trace_attempts import attempts
from rootspan_analysis.views.trace_filter import LONGEST_NS, TraceFilter, TraceOrder

__all__ = [
    "BUCKETS_PER_DOUBLING",
    "fetch_attribute_keys",
    "fetch_attribute_values",
    "fetch_latency_cells",
    "fetch_operations",
    "fetch_trace_list",
    "pick_cell_ns",
]

BUCKETS_PER_DOUBLING: Final = 4
COMPLETION_NS: Final = 120 * NS_PER_S
"""Names are completed from this much of the range's end: the whole would be a read of every attribute."""
COMPLETION_SPANS: Final = 200_000
"""Whose keys are read for it."""
COMPLETION_RUNS: Final = 2
"""Blocks of the store hold more than a run of some seconds: of many short runs all blocks would be read."""
PLACES_NS: Final = 20 * NS_PER_S
"""From this much of it is learnt where a key stands."""
MOST_COMPLETIONS: Final = 200


def _scope(span: TimeSpan, only: TraceFilter, *, failed: bool) -> dict[str, Parameter]:
    return {
        "from_ns": span.from_ns,
        "to_ns": span.to_ns,
        "service": only.service,
        "host": only.host,
        "region": only.region,
        "operation": only.operation,
        "without_service": only.without[0],
        "without_host": only.without[1],
        "min_duration_ns": only.min_duration_ns,
        "max_duration_ns": only.max_duration_ns,
        "only_failed": int(only.failed or failed),
        "by_root": int(only.by_root),
        **condition_parameters(only.where),
    }


def _conditions(client: ArrowClient, span: TimeSpan, only: TraceFilter) -> str:
    if not only.where:
        return "true"
    begin = max(span.from_ns, span.to_ns - PLACES_NS)
    places = fetch_key_places(client, [one.key for one in only.where], from_ns=begin, to_ns=span.to_ns)
    return conditions_sql(only.where, places)


def fetch_trace_list(
    client: ArrowClient, span: TimeSpan, only: TraceFilter, *, order: TraceOrder, limit: int
) -> pa.Table:
    """Traces with a matching span in the range.

    Returns:
        `trace_id, span_id, start_ns, service, operation, host, duration_ns, status, status_message` of the
        span that matched; one row a trace. `slowest`: longest first; `newest`, and `failed` of failed spans
        only: newest first; `random`: the same ones each time, of a large range from some seconds of it.
    """
    scope = _scope(span, only, failed=order == "failed") | {"order": order, "limit": limit}
    conditions = _conditions(client, span, only)
    for attempt in attempts(client, span, only, order=order, limit=limit):
        statement = "trace_list_first" if attempt.rows else "trace_list"
        found = run_search(client, statement, conditions, scope | attempt.parameters())
        if found.num_rows == limit or (attempt.covers(span) and not _is_cut(found, attempt.rows)):
            break
    return found.select([name for name in found.column_names if name not in ("place", "seen")])


def _is_cut(found: pa.Table, rows: int) -> bool:
    """Whether more spans matched than were looked at."""
    return bool(rows and found.num_rows and found["seen"][0].as_py() >= rows)


def pick_cell_ns(span: TimeSpan, *, most: int = 120) -> int:
    """A length of buckets that are whole seconds, at most `most` of them in the range."""
    steps_s = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
    return next((one for one in steps_s if span.duration_s <= one * most), steps_s[-1]) * NS_PER_S


def fetch_latency_cells(client: ArrowClient, span: TimeSpan, only: TraceFilter, *, step_ns: int) -> pa.Table:
    """`at_ns, bucket, spans, failed` of matching spans: bucket b has durations in [2^(b/4), 2^((b+1)/4)) ns.

    Without the list's bounds of the duration the whole distribution is seen: they are not applied here.
    """
    scope = _scope(span, only, failed=False) | {"min_duration_ns": 0, "max_duration_ns": LONGEST_NS}
    conditions = _conditions(client, span, only)
    return run_search(client, "latency_cells", conditions, {"step_ns": step_ns, **scope})


def _end_of(span: TimeSpan) -> dict[str, Parameter]:
    return {"from_ns": max(span.from_ns, span.to_ns - COMPLETION_NS), "to_ns": span.to_ns}


def fetch_attribute_keys(client: ArrowClient, span: TimeSpan, service: str) -> tuple[str, ...]:
    """Keys of attributes at the range's end, of one service or of all; the most frequent first.

    Of a busy end some seconds are read: what only few spans carry may be missing then.
    """
    end = TimeSpan(max(span.from_ns, span.to_ns - COMPLETION_NS), span.to_ns)
    (row,) = run_statement(client, "span_count", from_s=end.from_s, to_s=end.to_s).to_pylist()
    slices = pick_slices(end, spans=row["spans"], most=COMPLETION_SPANS, runs=COMPLETION_RUNS)
    found = run_statement(
        client,
        "attribute_keys",
        from_ns=end.from_ns,
        to_ns=end.to_ns,
        service=service,
        seconds=list(slices.seconds),
        limit=MOST_COMPLETIONS,
    )
    return tuple(found["key"].to_pylist())


def fetch_attribute_values(client: ArrowClient, span: TimeSpan, service: str, key: str) -> tuple[str, ...]:
    """Values of a key at the range's end; the most frequent first."""
    found = run_statement(
        client, "attribute_values", service=service, key=key, limit=MOST_COMPLETIONS, **_end_of(span)
    )
    return tuple(found["value"].to_pylist())


def fetch_operations(client: ArrowClient, span: TimeSpan, service: str) -> tuple[str, ...]:
    """Operations of one service, or of all; the most frequent first."""
    found = run_statement(
        client,
        "operations",
        service=service,
        region="",
        from_s=span.from_s,
        to_s=span.to_s,
        limit=MOST_COMPLETIONS,
    )
    return tuple(found["operation"].to_pylist())

"""Spans, logs and incidents that arrived a while ago: rows written with the arrival time they are to have.

Waiting for hours is the one thing that a test cannot do. Times are seconds before one moment, the making of
the fleet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

__all__ = ["PastFleet", "Span"]

_ORDINARY = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, ServiceName, SpanName, SpanKind, Duration,
    StatusCode, InsertedAt)
SELECT
    fromUnixTimestamp({at:Int64} - 2) + toIntervalMicrosecond(number),
    concat({prefix:String}, toString(intDiv(number, 2))),
    toString(number),
    if(number % 2, toString(number - 1), ''),
    {service:String},
    if(number % 2, 'query', 'GET /'),
    if(number % 2, 'Client', 'Server'),
    if(number % 2, 1000000, 8000000 + number % 4000 * 1000),
    'Unset',
    fromUnixTimestamp({at:Int64})
FROM numbers(2 * {count:UInt32})
"""
_INCIDENT = """
INSERT INTO rootspan_incidents (Id, Onset, Opened, Updated, Closed, State, Service, Job, Services)
SELECT
    generateUUIDv4(),
    toDateTime64({onset:Float64}, 9),
    toDateTime64({onset:Float64} + 60, 9),
    now64(9),
    toDateTime64({closed:Float64}, 9),
    if({closed:Float64} > 0, 'closed', 'open'),
    {service:String},
    {job:String},
    if({service:String} = '', [], [{service:String}])
"""


@dataclass(frozen=True, slots=True)
class Span:
    """One span. `parent` is the name of its parent's span id, "" for a root."""

    trace: str
    id: str
    parent: str = ""
    service: str = "shop"
    operation: str = "GET /"
    kind: str = "Server"
    ms: float = 10
    status: str = "Unset"
    version: str = ""
    job: str = ""
    host: str = "h1"
    attributes: Mapping[str, str] = field(default_factory=dict)


class PastFleet:
    """Writes into the client's database, which has the schema; on a cluster, when the shards have it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.now_s = int(time.time())

    def spans(self, arrived_s_ago: float, spans: Sequence[Span], *, began_s_ago: float | None = None) -> None:
        """Spans that arrived together; they began two seconds before that if nothing else is said."""
        began_s = self.now_s - (arrived_s_ago + 2 if began_s_ago is None else began_s_ago)
        lines = [
            json.dumps(
                {
                    "Timestamp": f"{began_s + place * 1e-6:.9f}",
                    "TraceId": one.trace,
                    "SpanId": one.id,
                    "ParentSpanId": one.parent,
                    "ServiceName": one.service,
                    "SpanName": one.operation,
                    "SpanKind": one.kind,
                    "Duration": round(one.ms * 1e6),
                    "StatusCode": one.status,
                    "ServiceVersion": one.version,
                    "JobId": one.job,
                    "HostName": one.host,
                    "SpanAttributes": dict(one.attributes),
                    "InsertedAt": round(self.now_s - arrived_s_ago),
                }
            )
            for place, one in enumerate(spans)
        ]
        self._insert("otel_traces", lines)

    def ordinary(self, arrived_s_ago: float, count: int, *, prefix: str, service: str = "shop") -> None:
        """Traces of a root of 8 to 12 ms and a child, one log record each."""
        at = round(self.now_s - arrived_s_ago)
        parameters = {"at": at, "count": count, "prefix": prefix, "service": service}
        self.client.command(_ORDINARY, parameters=parameters)
        self.logs(arrived_s_ago, {f"{prefix}{number}": "said" for number in range(count)})

    def logs(
        self,
        arrived_s_ago: float,
        bodies: Mapping[str, str],
        *,
        severity: str = "INFO",
        service: str = "shop",
    ) -> None:
        """A log record for each trace; the trace "" is none."""
        at_s = self.now_s - arrived_s_ago
        lines = [
            json.dumps(
                {
                    "Timestamp": f"{at_s - 2:.9f}",
                    "TraceId": trace,
                    "Body": body,
                    "Severity": severity,
                    "ServiceName": service,
                    "InsertedAt": round(at_s),
                }
            )
            for trace, body in bodies.items()
        ]
        self._insert("otel_logs", lines)

    def incident(
        self, onset_s_ago: float, closed_s_ago: float | None, *, service: str = "", job: str = ""
    ) -> None:
        """An incident as the watcher writes it, open if `closed_s_ago` is None."""
        self.client.command(
            _INCIDENT,
            parameters={
                "onset": self.now_s - onset_s_ago,
                "closed": 0 if closed_s_ago is None else self.now_s - closed_s_ago,
                "service": service,
                "job": job,
            },
        )

    def settle(self) -> None:
        """Views stamp what they write with the present; make that the time of the rows, and two seconds."""
        for table, began in (("otel_training_spans", "Timestamp"), ("otel_traces_trace_id_ts", "End")):
            self.client.command(
                f"ALTER TABLE {table} UPDATE InsertedAt = toDateTime({began}) + 2 WHERE 1 "
                "SETTINGS mutations_sync = 1"
            )

    def _insert(self, table: str, lines: Sequence[str]) -> None:
        self.client.raw_insert(
            table,
            insert_block="\n".join(lines).encode(),
            fmt="JSONEachRow",
            settings={"distributed_foreground_insert": "1"},
        )

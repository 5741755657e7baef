"""An embedded store with even streams of spans in it."""

from __future__ import annotations

from collections.abc import Mapping

from bench.embedded import EmbeddedStore

__all__ = ["WritableStore"]

_SPANS = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName,
    ResourceAttributes, SpanAttributes, Duration, StatusCode, HostName, Region, JobId, ServiceVersion)
SELECT
    fromUnixTimestamp64Nano(toInt64({from_ns} + number * {step_ns})),
    lower(hex(sipHash128(number, '{trace}'))),
    lower(hex(sipHash64(number, '{service}{operation}'))),
    if('{parent}' = '', '', lower(hex(sipHash64(number, '{parent}')))),
    '{operation}', '{kind}', '{service}',
    map('service.name', '{service}', 'host.name', host, 'training.job.id', '{job}') AS resource,
    map({attributes}),
    toUInt64({ms} * 1e6 * (0.8 + 0.4 * (sipHash64(number, 'd') % 1000) / 1000)),
    if(sipHash64(number, 'e') % 10000 < {error_ratio} * 10000, 'Error', 'Unset'),
    concat('{service}-', toString(number % {hosts})) AS host,
    'eu', '{job}', '1.0'
FROM numbers({count})
"""


class WritableStore(EmbeddedStore):
    """One of its own, with spans without a sender."""

    def clear(self) -> None:
        """Empty every table."""
        tables = self.query_arrow(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
        )
        for name in tables.column("name").to_pylist():
            self.execute(f"TRUNCATE TABLE {name.decode() if isinstance(name, bytes) else name}")

    def stream(
        self,
        service: str,
        from_s: float,
        to_s: float,
        *,
        operation: str = "Serve",
        per_s: float = 10,
        ms: float = 20,
        error_ratio: float = 0.0,
        hosts: int = 4,
        kind: str = "Server",
        parent: str = "",
        trace: str = "",
        job: str = "",
        attributes: Mapping[str, str] = {},
    ) -> None:
        """Spans at an even rate: durations of `ms` ± 20 %, always the same for the same arguments.

        Args:
            parent: Service and operation of the spans' parents, run together; a stream with the same times.
            trace: Streams that share a word here share their traces.
            attributes: SQL expressions by name.
        """
        told = ", ".join(f"'{name}', toString({value})" for name, value in attributes.items())
        self.execute(
            _SPANS.format(
                from_ns=round(from_s * 1e9),
                step_ns=round(1e9 / per_s),
                count=round((to_s - from_s) * per_s),
                trace=trace or service,
                service=service,
                operation=operation,
                parent=parent,
                kind=kind,
                ms=ms,
                error_ratio=error_ratio,
                hosts=hosts,
                job=job,
                attributes=told or "'', ''",
            )
        )

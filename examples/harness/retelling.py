"""Real telemetry told again at other times: what a fleet did in seconds becomes the history of minutes.

Owns new ids for every telling, so that each is as many traces as the first. Nothing else of it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan.testing import Receiver

SPANS_A_REQUEST = 2000
_METHOD = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"


@dataclass(frozen=True, slots=True)
class Recording:
    """What was sent about a stretch of time, each item with the resource that sent it.

    Attributes:
        begin_ns, end_ns: The stretch, unix nanoseconds.
    """

    begin_ns: int
    end_ns: int
    spans: tuple[tuple[Resource, Span], ...]
    logs: tuple[tuple[Resource, LogRecord], ...]
    metrics: tuple[tuple[Resource, Metric], ...]

    @classmethod
    def of(cls, receiver: Receiver, begin_ns: int, end_ns: int) -> Recording:
        """All that a receiver was sent, whole traces that began within [begin, end)."""
        shared: dict[bytes, Resource] = {}
        began: dict[bytes, int] = {}

        def same(resource: Resource) -> Resource:
            return shared.setdefault(resource.SerializeToString(deterministic=True), resource)

        spans = receiver.spans()
        for _, span in spans:
            began[span.trace_id] = min(began.get(span.trace_id, 2**63), span.start_time_unix_nano)
        metrics = [
            (same(who), kept)
            for who, metric in receiver.metrics()
            if (kept := _points_within(metric, begin_ns, end_ns)) is not None
        ]
        return cls(
            begin_ns,
            end_ns,
            tuple((same(who), span) for who, span in spans if begin_ns <= began[span.trace_id] < end_ns),
            tuple((same(who), one) for who, one in receiver.logs() if begin_ns <= _time_of(one) < end_ns),
            tuple(metrics),
        )

    def of_region(self, region: str) -> Recording:
        """What senders of that `cloud.region` sent."""

        def within(resource: Resource) -> bool:
            return any(
                one.key == "cloud.region" and one.value.string_value == region for one in resource.attributes
            )

        return Recording(
            self.begin_ns,
            self.end_ns,
            tuple(one for one in self.spans if within(one[0])),
            tuple(one for one in self.logs if within(one[0])),
            tuple(one for one in self.metrics if within(one[0])),
        )

    def tell(self, address: str, at_ns: int, salt: int) -> None:
        """Send it to a collector as if it had begun at another time. Each salt makes traces of their own.

        Raises:
            grpc.RpcError: The collector did not take it.
        """
        offset_ns, key = at_ns - self.begin_ns, (salt + 1).to_bytes(8, "little")
        with grpc.insecure_channel(address) as channel:
            for request in (
                *(
                    _traces((who, _span_again(span, offset_ns, key)) for who, span in some)
                    for some in _parts(self.spans)
                ),
                _logs((who, _log_again(one, offset_ns, key)) for who, one in self.logs),
                _metrics((who, _metric_again(one, offset_ns)) for who, one in self.metrics),
            ):
                kind = type(request).__name__.removeprefix("Export").removesuffix("ServiceRequest")
                call = channel.unary_unary(_METHOD.format(kind.lower(), kind))
                call(request.SerializeToString(), timeout=60, wait_for_ready=True)


def _parts(spans: Sequence[tuple[Resource, Span]]) -> Iterator[Sequence[tuple[Resource, Span]]]:
    """Spans in parts that a collector takes: those of failed calls carry stacks of a few kilobytes."""
    return (spans[first : first + SPANS_A_REQUEST] for first in range(0, len(spans), SPANS_A_REQUEST))


def fill(recording: Recording, address: str, begin_ns: int, end_ns: int, salt: int) -> None:
    """Tell a recording again and again, from `begin_ns` on, until `end_ns` is reached."""
    length_ns = recording.end_ns - recording.begin_ns
    for number, at_ns in enumerate(range(begin_ns, end_ns, length_ns)):
        recording.tell(address, at_ns, salt + number)


def _time_of(record: LogRecord) -> int:
    return int(record.time_unix_nano or record.observed_time_unix_nano)


def _points(metric: Metric) -> Iterable[Any]:
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def _points_within(metric: Metric, begin_ns: int, end_ns: int) -> Metric | None:
    kept = [one for one in _points(metric) if begin_ns <= one.time_unix_nano < end_ns]
    if not kept:
        return None
    part = Metric()
    part.CopyFrom(metric)
    kind = str(metric.WhichOneof("data"))
    del getattr(part, kind).data_points[:]
    getattr(part, kind).data_points.extend(kept)
    return part


def _span_again(span: Span, offset_ns: int, key: bytes) -> Span:
    told = Span()
    told.CopyFrom(span)
    told.trace_id, told.span_id = _mixed(span.trace_id, key), _mixed(span.span_id, key)
    if span.parent_span_id:
        told.parent_span_id = _mixed(span.parent_span_id, key)
    for link in told.links:
        link.trace_id, link.span_id = _mixed(link.trace_id, key), _mixed(link.span_id, key)
    told.start_time_unix_nano += offset_ns
    told.end_time_unix_nano += offset_ns
    for event in told.events:
        event.time_unix_nano += offset_ns
    return told


def _log_again(record: LogRecord, offset_ns: int, key: bytes) -> LogRecord:
    told = LogRecord()
    told.CopyFrom(record)
    if record.trace_id:
        told.trace_id, told.span_id = _mixed(record.trace_id, key), _mixed(record.span_id, key)
    told.observed_time_unix_nano += offset_ns
    if record.time_unix_nano:
        told.time_unix_nano += offset_ns
    return told


def _metric_again(metric: Metric, offset_ns: int) -> Metric:
    told = Metric()
    told.CopyFrom(metric)
    for point in _points(told):
        point.time_unix_nano += offset_ns
        if point.start_time_unix_nano:
            point.start_time_unix_nano += offset_ns
    return told


def _mixed(identifier: bytes, key: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(identifier, key * 2, strict=False))


def _by_resource(items: Iterable[tuple[Resource, Any]]) -> Iterator[tuple[Resource, list[Any]]]:
    groups: dict[int, tuple[Resource, list[Any]]] = {}
    for who, item in items:
        groups.setdefault(id(who), (who, []))[1].append(item)
    return iter(groups.values())


def _traces(items: Iterable[tuple[Resource, Span]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for who, spans in _by_resource(items):
        request.resource_spans.add(resource=who).scope_spans.add().spans.extend(spans)
    return request


def _logs(items: Iterable[tuple[Resource, LogRecord]]) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    for who, records in _by_resource(items):
        request.resource_logs.add(resource=who).scope_logs.add().log_records.extend(records)
    return request


def _metrics(items: Iterable[tuple[Resource, Metric]]) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for who, metrics in _by_resource(items):
        request.resource_metrics.add(resource=who).scope_metrics.add().metrics.extend(metrics)
    return request


def count_of(recording: Recording) -> Mapping[str, int]:
    """Items by signal."""
    return {
        "spans": len(recording.spans),
        "logs": len(recording.logs),
        "metrics": len(recording.metrics),
    }

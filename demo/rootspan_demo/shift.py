"""Moves the stamps of parsed OTLP requests by a distance.

A walk in Python over every item: fine for a tool, never for the ingest path. Stamps of 0 mean "not set" (or,
at a span's end, "never ended") and stay 0.
"""

from collections.abc import Iterator
from typing import Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan_demo.otlp import ExportRequest, points_of

__all__ = ["last_time_unix_ns", "shift_times"]


class _Stamped(Protocol):
    """Any OTLP message; fields are read and set by name."""

    def __setattr__(self, name: str, value: int, /) -> None: ...


_SPAN, _EVENT = ("start_time_unix_nano", "end_time_unix_nano"), ("time_unix_nano",)
_RECORD = ("time_unix_nano", "observed_time_unix_nano")
_POINT = ("start_time_unix_nano", "time_unix_nano")


def _stamped(request: ExportRequest) -> Iterator[tuple[_Stamped, tuple[str, ...]]]:
    """All messages that carry stamps, with the names of the fields."""
    if isinstance(request, ExportTraceServiceRequest):
        for spans in (scope.spans for block in request.resource_spans for scope in block.scope_spans):
            for span in spans:
                yield span, _SPAN
                for event in span.events:
                    yield event, _EVENT
    elif isinstance(request, ExportLogsServiceRequest):
        for records in (scope.log_records for block in request.resource_logs for scope in block.scope_logs):
            for record in records:
                yield record, _RECORD
    else:
        for metrics in (scope.metrics for block in request.resource_metrics for scope in block.scope_metrics):
            for metric in metrics:
                for point in points_of(metric):
                    yield point, _POINT
                    for exemplar in getattr(point, "exemplars", ()):
                        yield exemplar, _EVENT


def last_time_unix_ns(request: ExportRequest) -> int:
    """The latest stamp in a request, 0 if there is none."""
    return max((getattr(item, name) for item, names in _stamped(request) for name in names), default=0)


def shift_times(request: ExportRequest, distance_ns: int) -> None:
    """Add `distance_ns` to every stamp that is set."""
    for item, names in _stamped(request):
        for name in names:
            stamp = getattr(item, name)
            if stamp:
                setattr(item, name, stamp + distance_ns)

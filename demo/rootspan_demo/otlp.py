"""What the demo hands around: one OTLP export request as bytes, and the names of the three signals.

Owns the mapping of a signal to its protobuf request and its count of items. Does no I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

__all__ = ["REQUEST_TYPES", "SIGNALS", "ExportRequest", "OtlpRequest", "Signal", "count_items", "points_of"]

MetricPoint = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint
Signal = Literal["traces", "logs", "metrics"]
ExportRequest = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "metrics")
REQUEST_TYPES: Final[Mapping[Signal, type[ExportRequest]]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


@dataclass(frozen=True, slots=True)
class OtlpRequest:
    """One serialized Export…ServiceRequest.

    Attributes:
        signal: Which export method takes it.
        payload: The request as it goes over the wire.
        items: Spans, log records or metric points in it.
    """

    signal: Signal
    payload: bytes
    items: int


def count_items(request: ExportRequest) -> int:
    """Count the spans, log records or metric points of a parsed request."""
    if isinstance(request, ExportTraceServiceRequest):
        return sum(len(scope.spans) for block in request.resource_spans for scope in block.scope_spans)
    if isinstance(request, ExportLogsServiceRequest):
        return sum(len(scope.log_records) for block in request.resource_logs for scope in block.scope_logs)
    metrics = [
        metric
        for block in request.resource_metrics
        for scope in block.scope_metrics
        for metric in scope.metrics
    ]
    return sum(len(points_of(metric)) for metric in metrics)


def points_of(metric: Metric) -> Sequence[MetricPoint]:
    """Data points of a metric of any of the five kinds; empty if it has none set."""
    kind = metric.WhichOneof("data")
    points: Sequence[MetricPoint] = getattr(metric, kind).data_points if kind else ()
    return points

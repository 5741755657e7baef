"""Small OTLP requests, made with the official messages."""

from __future__ import annotations

import secrets
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def traces(spans: int, *, resources: int = 1, name: str = "work") -> ExportTraceServiceRequest:
    """`spans` spans in each of `resources` resources, in two scopes each."""
    request = ExportTraceServiceRequest()
    now = time.time_ns()
    for number in range(resources):
        resource = request.resource_spans.add()
        attribute = resource.resource.attributes.add()
        attribute.key, attribute.value.string_value = "service.name", f"service-{number}"
        for scope in (resource.scope_spans.add(), resource.scope_spans.add()):
            scope.scope.name = "test"
        for index in range(spans):
            span = resource.scope_spans[index % 2].spans.add()
            span.trace_id, span.span_id = secrets.token_bytes(16), secrets.token_bytes(8)
            span.name, span.kind = name, 2
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + 1_000_000
    return request


def logs(records: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for index in range(records):
        record = scope.log_records.add()
        record.time_unix_nano = time.time_ns()
        record.body.string_value = f"line {index}"
    return request


def metrics() -> ExportMetricsServiceRequest:
    """Nine data points: two gauges (3), a sum (2), one each of the rest with 1, 2 and 1."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    now = time.time_ns()
    for points in (1, 2):
        metric = scope.metrics.add()
        metric.name = f"gauge{points}"
        for _ in range(points):
            metric.gauge.data_points.add(time_unix_nano=now, as_double=1.5)
    metric = scope.metrics.add()
    metric.name = "sum"
    for _ in range(2):
        metric.sum.data_points.add(time_unix_nano=now, as_int=7)
    other = request.resource_metrics.add().scope_metrics.add()
    metric = other.metrics.add()
    metric.name = "histogram"
    metric.histogram.data_points.add(time_unix_nano=now, count=1, bucket_counts=[1, 0], explicit_bounds=[1.0])
    metric = other.metrics.add()
    metric.name = "exponential"
    for _ in range(2):
        metric.exponential_histogram.data_points.add(time_unix_nano=now, count=1)
    metric = other.metrics.add()
    metric.name = "summary"
    metric.summary.data_points.add(time_unix_nano=now, count=1, sum=1.0)
    return request

"""Sends a recording to a collector as OTLP/gRPC, in requests of bounded size.

Owns the bytes of what was imported. Independent of `rootspan.init()`: what is sent is not this process's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from rootspan.config.targets import DEFAULT_ENDPOINT, parse_endpoint
from rootspan.spans.scope import AttributeValue
from rootspan.training.importers.records import ImportedEvent, ImportedSpan, Recording

BATCH = 2000
_SCOPE = InstrumentationScope(name="rootspan.training.importers")
ItemT = TypeVar("ItemT", ImportedSpan, ImportedEvent)


def send(
    recording: Recording,
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    token: str | None = None,
    timeout_s: float = 30.0,
) -> int:
    """Send everything and wait until the collector took it. Sending twice stores it twice, under the same
    ids. `token` is the tenant's, where the collector asks for one.

    Returns:
        How many spans and log records were sent.

    Raises:
        ConfigurationError: `endpoint` is none.
        grpc.RpcError: The collector did not take a request; those before it are stored.
    """
    address, insecure = parse_endpoint(endpoint)
    secure = grpc.ssl_channel_credentials() if insecure is False else None
    channel = grpc.insecure_channel(address) if secure is None else grpc.secure_channel(address, secure)
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with channel:
        # The generated stubs say nothing of types.
        traces: Any = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        logs: Any = LogsServiceStub(channel)  # type: ignore[no-untyped-call]
        for batch in _batches(recording.spans):
            traces.Export(_traces(batch), timeout=timeout_s, metadata=metadata)
        for events in _batches(recording.events):
            logs.Export(_logs(events), timeout=timeout_s, metadata=metadata)
    return len(recording.spans) + len(recording.events)


def _batches(items: Sequence[ItemT]) -> Iterable[Sequence[ItemT]]:
    return (items[i : i + BATCH] for i in range(0, len(items), BATCH))


def _by_resource(items: Sequence[ItemT]) -> Iterable[tuple[Mapping[str, AttributeValue], list[ItemT]]]:
    # Items of one rank share one mapping.
    ordered = sorted(items, key=lambda item: id(item.resource))
    for _, group in groupby(ordered, key=lambda item: id(item.resource)):
        found = list(group)
        yield found[0].resource, found


def _traces(spans: Sequence[ImportedSpan]) -> ExportTraceServiceRequest:
    groups = [
        ResourceSpans(
            resource=Resource(attributes=_attributes(resource)),
            scope_spans=[ScopeSpans(scope=_SCOPE, spans=[_span(span) for span in found])],
        )
        for resource, found in _by_resource(spans)
    ]
    return ExportTraceServiceRequest(resource_spans=groups)


def _span(span: ImportedSpan) -> Span:
    return Span(
        name=span.name,
        trace_id=span.trace_id.to_bytes(16, "big"),
        span_id=span.span_id.to_bytes(8, "big"),
        parent_span_id=span.parent_id.to_bytes(8, "big") if span.parent_id else b"",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_attributes(span.attributes),
    )


def _logs(events: Sequence[ImportedEvent]) -> ExportLogsServiceRequest:
    groups = [
        ResourceLogs(
            resource=Resource(attributes=_attributes(resource)),
            scope_logs=[ScopeLogs(scope=_SCOPE, log_records=[_record(event) for event in found])],
        )
        for resource, found in _by_resource(events)
    ]
    return ExportLogsServiceRequest(resource_logs=groups)


def _record(event: ImportedEvent) -> LogRecord:
    severe = event.severe
    return LogRecord(
        time_unix_nano=event.time_ns,
        severity_number=SeverityNumber.SEVERITY_NUMBER_WARN
        if severe
        else SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="WARN" if severe else "INFO",
        body=AnyValue(string_value=event.body),
        attributes=_attributes(event.attributes),
        trace_id=event.trace_id.to_bytes(16, "big") if event.trace_id else b"",
        span_id=event.span_id.to_bytes(8, "big") if event.span_id else b"",
        event_name=event.name,
    )


def _attributes(told: Mapping[str, AttributeValue]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in told.items()]


def _value(value: AttributeValue) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))

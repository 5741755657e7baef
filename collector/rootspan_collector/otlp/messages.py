"""OTLP's request messages, in full: for what is not on the hot path."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import (
    descriptor,
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message,
    message_factory,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan_store.ingest import Signal

__all__ = ["REQUESTS", "fault_of", "readable"]

REQUESTS: dict[Signal, Any] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_Field = descriptor_pb2.FieldDescriptorProto


def fault_of(signal: Signal, body: bytes) -> str | None:
    """Say why the bytes are no Export…ServiceRequest, down to the last attribute; None if they are one.

    Text that is not UTF-8 is none of these faults: the store takes it.
    """
    try:
        _loose_request(signal).FromString(body)
    except message.DecodeError as err:
        return f"no OTLP: {err}"
    return None


def readable(signal: Signal, body: bytes) -> dict[str, object] | None:
    """Return the request as OTLP/JSON says it, with ids in base64; None if it cannot be read."""
    try:
        said: dict[str, object] = json_format.MessageToDict(REQUESTS[signal].FromString(body))
    except (message.DecodeError, UnicodeDecodeError):
        return None
    return said


@cache
def _loose_request(signal: Signal) -> Any:
    """The request's type with every string declared as bytes, in a pool of its own."""
    pool = descriptor_pool.DescriptorPool()
    strict = REQUESTS[signal].DESCRIPTOR
    _add_loosely(pool, strict.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(strict.full_name))


def _add_loosely(pool: descriptor_pool.DescriptorPool, file: descriptor.FileDescriptor) -> None:
    for dependency in file.dependencies:
        _add_loosely(pool, dependency)
    loose = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(loose)
    del loose.service[:]
    for kind in loose.message_type:
        _loosen(kind)
    pool.AddSerializedFile(loose.SerializeToString())


def _loosen(kind: descriptor_pb2.DescriptorProto) -> None:
    for field in kind.field:
        if field.type == _Field.TYPE_STRING:
            field.type = _Field.TYPE_BYTES
    for nested in kind.nested_type:
        _loosen(nested)

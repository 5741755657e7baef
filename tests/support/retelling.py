"""Real telemetry told again at other times: what a fleet did in seconds becomes the history of minutes.

Owns new ids for every telling, so that each is as many traces as the first. Nothing else of a span changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

__all__ = ["Recorded", "cut", "fill", "send"]

Recorded = Sequence[tuple[Resource, Span]]


def cut(spans: Recorded, begin_ns: int, end_ns: int) -> Recorded:
    """The whole traces that began within [begin, end). Equal resources become one object."""
    shared: dict[bytes, Resource] = {}
    began: dict[bytes, int] = {}
    for _, span in spans:
        known = began.get(span.trace_id, span.start_time_unix_nano)
        began[span.trace_id] = min(known, span.start_time_unix_nano)
    return [
        (shared.setdefault(who.SerializeToString(deterministic=True), who), span)
        for who, span in spans
        if begin_ns <= began[span.trace_id] < end_ns
    ]


def fill(spans: Recorded, length_ns: int, begin_ns: int, end_ns: int, salt: int) -> Iterable[Recorded]:
    """Tell a recording of some length again and again, from `begin_ns` on, until `end_ns` is reached."""
    first_ns = min(span.start_time_unix_nano for _, span in spans)
    for number, at_ns in enumerate(range(begin_ns, end_ns, length_ns)):
        key = (salt + number + 1).to_bytes(8, "little")
        yield [(who, _again(span, at_ns - first_ns, key)) for who, span in spans]


def send(address: str, spans: Recorded) -> None:
    """Send spans to a collector in one request."""
    groups: dict[int, ResourceSpans] = {}
    for who, span in spans:
        group = groups.get(id(who))
        if group is None:
            group = groups[id(who)] = ResourceSpans(resource=who)
            group.scope_spans.add()
        group.scope_spans[0].spans.append(span)
    body = ExportTraceServiceRequest(resource_spans=groups.values()).SerializeToString()
    with grpc.insecure_channel(address) as channel:
        method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        channel.unary_unary(method)(body, timeout=60, wait_for_ready=True)


def _again(span: Span, offset_ns: int, key: bytes) -> Span:
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


def _mixed(identifier: bytes, key: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(identifier, key * 2, strict=False))

"""OTLP trace requests for benches: one shape, fresh ids and times in each. Builds bytes; sends nothing.

A request is serialised once; then the bytes of ids and times are overwritten where they lie, so that a
sender costs less CPU than what it measures and no two requests are alike.
"""

from __future__ import annotations

import random
import time

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

__all__ = ["SPANS_PER_TRACE", "TraceLoad"]

SPANS_PER_TRACE = 8
"""As in the demo's fleet, whose requests have nine. Each trace costs a row in the table of trace times."""

_OPERATIONS = ("Ranker/Rank", "model.forward", "embedding.lookup")
_RESOURCE = {
    "service.name": "ranker",
    "service.version": "1.4.2",
    "cloud.region": "us-east",
    "cloud.availability_zone": "us-east-1a",
    "gpu.index": "0",
}


class TraceLoad:
    """Requests of one instance of a fleet: `spans` spans with 11 attributes each, about 376 bytes a span."""

    def __init__(self, instance: int, spans: int) -> None:
        self.spans = spans
        self._random = np.random.default_rng(instance)
        body = _template(instance, spans)
        self._bytes = np.frombuffer(body, dtype=np.uint8).copy()
        # Ids and times are found by the markers that the template put in their place.
        self._traces = _index(_positions(body, _TRACE_MARK, 16, spans))
        ids = _positions(body, _SPAN_MARK, 8, spans) + _positions(body, _PARENT_MARK, 8, spans)
        self._ids = _index(ids)
        self._starts = _positions(body, _START_MARK, 8, spans)
        self._ends = _positions(body, _END_MARK, 8, spans)

    @property
    def size_bytes(self) -> int:
        """Length of each request."""
        return len(self._bytes)

    def next(self) -> bytes:
        """Return a request with ids and times of its own."""
        data = self._bytes
        data[self._ids] = self._random.integers(0, 256, self._ids.shape, dtype=np.uint8)
        traces = self._random.integers(0, 256, (-(-self.spans // SPANS_PER_TRACE), 16), dtype=np.uint8)
        data[self._traces] = np.repeat(traces, SPANS_PER_TRACE, axis=0)[: self.spans]
        starts = time.time_ns() + np.arange(self.spans, dtype=np.uint64) * np.uint64(1_000_000)
        durations = self._random.integers(1_000_000, 100_000_000, self.spans, dtype=np.uint64)
        _write(data, self._starts, starts)
        _write(data, self._ends, starts + durations)
        return data.tobytes()


_TRACE_MARK = b"\xf0TRACE-ID-MARK!\xf1"
_SPAN_MARK = b"\xf2SPANID\xf3"
_PARENT_MARK = b"\xf4PARENT\xf5"
_START_MARK = b"\xf6STARTS\x16"
_END_MARK = b"\xf7ENDING\x17"


def _index(places: list[tuple[int, int]]) -> npt.NDArray[np.intp]:
    return np.stack([np.arange(start, start + size) for start, size in places])


def _positions(body: bytes, mark: bytes, size: int, spans: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start = body.find(mark)
    while start >= 0:
        found.append((start, size))
        start = body.find(mark, start + size)
    if len(found) != spans:
        raise RuntimeError(f"{len(found)} marks {mark!r} for {spans} spans")
    return found


def _write(
    data: npt.NDArray[np.uint8], places: list[tuple[int, int]], numbers: npt.NDArray[np.uint64]
) -> None:
    index = np.add.outer(np.array([start for start, _ in places]), np.arange(8))
    data[index] = numbers.astype("<u8").view(np.uint8).reshape(-1, 8)


def _attribute(attributes: object, key: str, value: str | int | float | bool) -> None:
    pair: KeyValue = attributes.add()  # type: ignore[attr-defined]
    pair.key = key
    if isinstance(value, str):
        pair.value.string_value = value
    elif isinstance(value, bool):
        pair.value.bool_value = value
    elif isinstance(value, int):
        pair.value.int_value = value
    else:
        pair.value.double_value = value


def _template(instance: int, spans: int) -> bytes:
    rng = random.Random(instance)
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    identity = {"host.name": f"gpu-{instance:03d}", "service.instance.id": f"i-{instance}"}
    for key, text in {**_RESOURCE, **identity}.items():
        _attribute(resource.resource.attributes, key, text)
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "bench", "1"
    for number in range(spans):
        span = scope.spans.add()
        span.trace_id, span.span_id, span.parent_span_id = _TRACE_MARK, _SPAN_MARK, _PARENT_MARK
        span.name, span.kind = _OPERATIONS[number % 3], 2
        span.start_time_unix_nano = int.from_bytes(_START_MARK, "little")
        span.end_time_unix_nano = int.from_bytes(_END_MARK, "little")
        values: dict[str, str | int | float | bool] = {
            "rpc.system.name": "grpc",
            "rpc.method": "Rank",
            "server.address": f"10.0.0.{number % 250}",
            "server.port": 50051,
            "gen_ai.request.model": "dlrm-v3",
            "gen_ai.usage.input_tokens": rng.randrange(4096),
            "rootspan.queue.wait_ms": rng.random() * 20,
            "http.response.status_code": 200,
            "user.tier": rng.choice(("free", "pro")),
            "cache.hit": bool(number % 2),
            "batch.size": number % 32,
        }
        for key, value in values.items():
            _attribute(span.attributes, key, value)
    return request.SerializeToString()

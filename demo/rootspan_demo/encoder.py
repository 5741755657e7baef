"""Spans in columns to OTLP trace requests, grouped by resource as the senders on hosts export them.

Owns batching by time, grouping and framing. A request holds everything that ended within one flush interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rootspan import semconv
from rootspan_demo.fleet import Instance
from rootspan_demo.ids import TraceIds
from rootspan_demo.otlp import OtlpRequest, Signal
from rootspan_demo.shapes import SpanBatch
from rootspan_demo.wire import attribute, encode_fixed64, frame

__all__ = [
    "SCOPE",
    "Block",
    "Stamped",
    "encode_spans",
    "frame_resource",
    "framed_resources",
    "request_blocks",
    "resource_message",
]

SCOPE: Final = InstrumentationScope(name="recsys", version="1.0")
SPANS_PER_REQUEST: Final = 4000
"""About; batches that one collector sends on are of this size."""
REQUEST_BYTES: Final = 2_000_000
"""Half of what gRPC servers accept by default; a single instance's block is never split."""
NS_PER_S: Final = 1_000_000_000
_RESOURCE_FIELD, _SCOPE_ITEMS_FIELD, _SCOPE_FIELD, _BLOCK_FIELD = 1, 2, 1, 1
"""Equal in all signals: Resource* {resource, scope_*}, Scope* {scope, …}, Export*Request {resource_*}."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A request and when it left its sender."""

    sent_unix_ns: int
    request: OtlpRequest


def resource_message(instance: Instance, sampling_ratio: float) -> Resource:
    """The OTLP resource of an instance."""
    pairs = {**instance.attributes(), semconv.SAMPLING_RATE: float(sampling_ratio)}
    return Resource(attributes=[attribute(key, value) for key, value in pairs.items()])


@dataclass(slots=True)
class Block:
    """Framed items of one instance for one request."""

    parts: list[bytes] = field(default_factory=list)
    items: int = 0

    def add(self, part: bytes, items: int) -> None:
        """Add `items` framed items that stand one after the other in `part`."""
        self.parts.append(part)
        self.items += items


def request_blocks(
    signal: Signal, sent_unix_ns: int, blocks: Mapping[int, Block], resources: Sequence[bytes]
) -> Iterator[Stamped]:
    """Requests of the blocks by instance, a new one wherever REQUEST_BYTES would be passed."""
    parts: list[bytes] = []
    size = items = 0
    for who in sorted(blocks):
        part = frame_resource(resources[who], blocks[who].parts)
        if parts and size + len(part) > REQUEST_BYTES:
            yield Stamped(sent_unix_ns, OtlpRequest(signal, b"".join(parts), items))
            parts, size, items = [], 0, 0
        parts.append(part)
        size += len(part)
        items += blocks[who].items
    if parts:
        yield Stamped(sent_unix_ns, OtlpRequest(signal, b"".join(parts), items))


def frame_resource(resource: bytes, items: Sequence[bytes]) -> bytes:
    """A Resource{Spans,Logs,Metrics} as a field of its export request.

    Args:
        resource: Framed resource.
        items: Spans, log records or metrics, framed as fields of their scope's message.
    """
    return frame(_BLOCK_FIELD, [resource, frame(_SCOPE_ITEMS_FIELD, [_FRAMED_SCOPE, *items])])


def framed_resources(resources: Sequence[Message]) -> list[bytes]:
    """Resources as fields of their block."""
    return [frame(_RESOURCE_FIELD, [one.SerializeToString(deterministic=True)]) for one in resources]


_FRAMED_SCOPE: Final = frame(_SCOPE_FIELD, [SCOPE.SerializeToString()])


def encode_spans(
    batches: Sequence[SpanBatch],
    resources: Sequence[bytes],
    ids: TraceIds,
    begin_ns: int,
    end_ns: int,
    *,
    flush_ns: int | None = None,
) -> Iterator[Stamped]:
    """Encode all spans, in order of the flush interval in which they ended.

    Args:
        resources: Framed resource of each instance.
        begin_ns, end_ns: The recording; all spans end in it.
        flush_ns: The interval; None: what makes requests of about 4,000 spans, 0.25-10 s.
    """
    total = sum(len(batch.rows.end) for batch in batches)
    if total == 0:
        return
    share = SPANS_PER_REQUEST / total
    flush_ns = flush_ns or max(NS_PER_S // 4, min(10 * NS_PER_S, int(share * (end_ns - begin_ns))))
    flushes = -(-(end_ns - begin_ns) // flush_ns)
    sorted_batches = [_SortedBatch(batch, begin_ns, flush_ns, flushes) for batch in batches]
    for k in range(flushes):
        blocks: dict[int, Block] = {}
        for one in sorted_batches:
            one.encode(k, ids, blocks)
        yield from request_blocks("traces", min(begin_ns + (k + 1) * flush_ns, end_ns), blocks, resources)


class _SortedBatch:
    """A batch in order of (flush, instance)."""

    def __init__(self, batch: SpanBatch, begin_ns: int, flush_ns: int, flushes: int) -> None:
        flush = (batch.rows.end - begin_ns) // flush_ns
        self._template, self._rows = batch.template, batch.rows
        self._order: NDArray[np.int64] = np.lexsort((batch.rows.end, batch.rows.instance, flush))
        self._cuts = np.searchsorted(flush[self._order], np.arange(flushes + 1))

    def encode(self, flush: int, ids: TraceIds, blocks: dict[int, "Block"]) -> None:
        """Add this flush's spans to the blocks of their instances."""
        picked = self._order[self._cuts[flush] : self._cuts[flush + 1]]
        if len(picked) == 0:
            return
        rows = self._rows
        trace = rows.trace[picked]
        columns = {name: column[picked] for name, column in rows.columns.items()}
        columns["trace_id"] = ids.trace_bytes(trace)
        columns["span_id"] = ids.span_bytes(trace, rows.slot[picked])
        if "parent_id" in self._template.holes:
            columns["parent_id"] = ids.span_bytes(trace, rows.parent[picked])
        columns["start"] = encode_fixed64(rows.start[picked])
        columns["end"] = encode_fixed64(rows.end[picked])
        data = self._template.render(len(picked), columns).tobytes()
        instance = rows.instance[picked]
        first = np.flatnonzero(np.concatenate(([True], instance[1:] != instance[:-1])))
        size = len(self._template.body)
        ends = np.append(first[1:], len(picked))
        for who, low, high in zip(instance[first].tolist(), first.tolist(), ends.tolist(), strict=True):
            blocks.setdefault(who, Block()).add(data[low * size : high * size], high - low)

"""Spans to the bytes of an OTLP trace request, without a protobuf object in between.

Owns the layout of `ExportTraceServiceRequest` (opentelemetry-proto 1.x, trace.proto) and the memory of what
was encoded before: names, and pairs of a key and a value, repeat from span to span. What it writes means the
same as what OpenTelemetry's encoder writes. Takes our spans and any other `ReadableSpan`.

Encodes a slice of a batch at a time and pauses between them, so that a batch of any size leaves the
interpreter to the program.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

from rootspan.export.protowire import any_value, delimited, key_value, text, varint
from rootspan.tracing.recording import RecordedSpan

SLICE = 64
"""Spans encoded at one go: well below a millisecond."""
PAUSE_S = 50e-6
"""Between slices. Giving the interpreter away and taking it back at once wakes nobody; a short sleep does."""
_MAX_REMEMBERED = 4096
_MAX_VALUES = 128
"""Values remembered of one key. One with more, such as a request's id, would only push out the others."""
_MAX_TEXT = 64
"""Longer values are seldom repeated, and remembering them would cost memory."""

_KINDS: Mapping[SpanKind, bytes] = {kind: b"\x30" + varint(kind.value + 1) for kind in SpanKind}
_CODES: Mapping[StatusCode, bytes] = {
    code: b"\x18" + varint(code.value) if code.value else b"" for code in StatusCode
}
_LOCAL = (0x100).to_bytes(4, "little")
_REMOTE = (0x300).to_bytes(4, "little")
# Tags of Span: trace_id and span_id, parent_span_id, both times, flags.
_ids = struct.Struct(">2sQQ2sQ").pack
_ids_and_parent = struct.Struct(">2sQQ2sQ2sQ").pack
_times = struct.Struct("<sQsQ").pack
_LOW = (1 << 64) - 1
_FLAGS_LOCAL, _FLAGS_REMOTE = b"\x85\x01" + _LOCAL, b"\x85\x01" + _REMOTE


class SpanEncoder:
    """Encodes batches. For one thread at a time."""

    def __init__(self, pause: Callable[[], None] = lambda: time.sleep(PAUSE_S)) -> None:
        self._pause = pause
        self._pairs: dict[tuple[str, Any], bytes] = {}
        self._n_values: dict[object, int] = {}
        self._names: dict[str, bytes] = {}
        self._heads: dict[object, bytes] = {}

    def encode(self, spans: Sequence[ReadableSpan]) -> bytes:
        """The request that carries these spans, grouped by resource and scope in order of appearance."""
        groups: dict[Resource, dict[InstrumentationScope | None, list[bytes]]] = {}
        last_resource: object = None
        last_scope: object = None
        into: list[bytes] = []
        for start in range(0, len(spans), SLICE):
            if start:
                self._pause()
            for span in spans[start : start + SLICE]:
                resource, scope = span.resource, span.instrumentation_scope
                if resource is not last_resource or scope is not last_scope:
                    into = groups.setdefault(resource, {}).setdefault(scope, [])
                    last_resource, last_scope = resource, scope
                body = self._ours(span) if type(span) is RecordedSpan else self._theirs(span)
                into.append(b"\x12" + varint(len(body)))
                into.append(body)
        return b"".join([self._of_resource(resource, scopes) for resource, scopes in groups.items()])

    def _of_resource(
        self, resource: Resource, scopes: Mapping[InstrumentationScope | None, list[bytes]]
    ) -> bytes:
        parts = [delimited(b"\x0a", _attributes(b"\x0a", resource.attributes))]
        for scope, spans in scopes.items():
            spans.insert(0, delimited(b"\x0a", _scope(scope)))
            if scope is not None and scope.schema_url:
                spans.append(delimited(b"\x1a", text(scope.schema_url)))
            body = b"".join(spans)
            parts += (b"\x12", varint(len(body)), body)
        if resource.schema_url:
            parts.append(delimited(b"\x1a", text(resource.schema_url)))
        return delimited(b"\x0a", b"".join(parts))

    def _ours(self, span: RecordedSpan) -> bytes:
        """A span of the fast path, read without its properties."""
        parent = span._parent
        parts = [
            self._ids(span._trace_id, span._span_id, parent),
            self._name(span._name),
            _KINDS[span._kind],
            _times(b"\x39", span._start_time or 0, b"\x41", span._end_time or 0),
        ]
        pairs = self._pairs
        try:
            for item in span._attributes.items():
                parts.append(pairs.get(item) or self._pair(item))
        except TypeError:  # a value that cannot be hashed: a mapping, or a tuple that holds one
            del parts[4:]
            parts.append(_attributes(b"\x4a", span._attributes))
        if span._n_dropped_attributes:
            parts.append(b"\x50" + varint(span._n_dropped_attributes))
        if span._event_records:
            for name, at, attributes, dropped in span._event_records:
                parts.append(_event(name, at, attributes, dropped))
        if span._n_dropped_events:
            parts.append(b"\x60" + varint(span._n_dropped_events))
        if span._link_list is not None:
            parts += [_link(link) for link in span._link_list]
            if span._link_list.dropped:
                parts.append(b"\x70" + varint(span._link_list.dropped))
        if span._trace_state:
            parts.append(_trace_state(b"\x1a", span._trace_state))
        parts.append(_status(span._status))
        parts.append(_FLAGS_REMOTE if parent is not None and parent.is_remote else _FLAGS_LOCAL)
        return b"".join(parts)

    def _theirs(self, span: ReadableSpan) -> bytes:
        """Anybody's span, by its public properties."""
        context, parent = span.get_span_context(), span.parent
        if context is None:
            raise ValueError(f"span {span.name!r} has no context")
        parts = [
            self._ids(context.trace_id, context.span_id, parent),
            self._name(span.name),
            _KINDS[span.kind],
            _times(b"\x39", span.start_time or 0, b"\x41", span.end_time or 0),
            _attributes(b"\x4a", span.attributes or {}),
            _count(b"\x50", span.dropped_attributes),
            *(
                _event(event.name, event.timestamp, event.attributes or {}, event.dropped_attributes)
                for event in span.events
            ),
            _count(b"\x60", span.dropped_events),
            *(_link(link) for link in span.links),
            _count(b"\x70", span.dropped_links),
            _trace_state(b"\x1a", context.trace_state),
            _status(span.status),
            _FLAGS_REMOTE if parent is not None and parent.is_remote else _FLAGS_LOCAL,
        ]
        return b"".join(parts)

    def _ids(self, trace_id: int, span_id: int, parent: SpanContext | None) -> bytes:
        if parent is None:
            return _ids(b"\x0a\x10", trace_id >> 64, trace_id & _LOW, b"\x12\x08", span_id)
        return _ids_and_parent(
            b"\x0a\x10", trace_id >> 64, trace_id & _LOW, b"\x12\x08", span_id, b"\x22\x08", parent.span_id
        )

    def _name(self, name: str) -> bytes:
        known = self._names.get(name)
        if known is None:
            if len(self._names) >= _MAX_REMEMBERED:
                self._names.clear()
            self._names[name] = known = delimited(b"\x2a", text(name))
        return known

    def _pair(self, item: tuple[Any, Any]) -> bytes:
        key, value = item
        head = self._heads.get(key) or self._head(key)
        if not head:
            return b""
        body = any_value(value)
        n = len(body)
        size = varint(n)
        encoded = b"\x4a" + varint(len(head) + len(size) + n) + head + size + body
        # Text only: 1, 1.0 and True are equal, their encodings are not.
        if type(value) is str and len(value) <= _MAX_TEXT:
            n_values = self._n_values.get(key, 0)
            if n_values < _MAX_VALUES:
                if len(self._pairs) >= _MAX_REMEMBERED:
                    self._pairs.clear()
                    self._n_values.clear()
                self._n_values[key] = n_values + 1
                self._pairs[item] = encoded
        return encoded

    def _head(self, key: object) -> bytes:
        """What stands before an attribute's value: its key, and the tag of the value."""
        if not key:
            return b""
        if len(self._heads) >= _MAX_REMEMBERED:
            self._heads.clear()
        self._heads[key] = head = delimited(b"\x0a", text(str(key))) + b"\x12"
        return head


def _attributes(tag: bytes, attributes: Mapping[str, Any]) -> bytes:
    return b"".join([delimited(tag, key_value(str(key), value)) for key, value in attributes.items() if key])


def _scope(scope: InstrumentationScope | None) -> bytes:
    if scope is None:
        return b""
    return (
        (delimited(b"\x0a", text(scope.name)) if scope.name else b"")
        + (delimited(b"\x12", text(scope.version)) if scope.version else b"")
        + _attributes(b"\x1a", scope.attributes or {})
    )


def _event(name: str, at: int, attributes: Mapping[str, Any], n_dropped: int) -> bytes:
    return delimited(
        b"\x5a",
        b"\x09"
        + at.to_bytes(8, "little")
        + delimited(b"\x12", text(name))
        + _attributes(b"\x1a", attributes)
        + _count(b"\x20", n_dropped),
    )


def _link(link: Link) -> bytes:
    context = link.context
    return delimited(
        b"\x6a",
        _ids(b"\x0a\x10", context.trace_id >> 64, context.trace_id & _LOW, b"\x12\x08", context.span_id)
        + _attributes(b"\x22", link.attributes or {})
        + _count(b"\x28", link.dropped_attributes)
        + b"\x35"
        + (_REMOTE if context.is_remote else _LOCAL),
    )


def _status(status: Status | None) -> bytes:
    if status is None:
        return b""
    message = status.description
    body = (delimited(b"\x12", text(message)) if message else b"") + _CODES[status.status_code]
    return delimited(b"\x7a", body)


def _trace_state(tag: bytes, state: TraceState | Iterable[str] | None) -> bytes:
    return delimited(tag, text(state.to_header())) if isinstance(state, TraceState) and state else b""


def _count(tag: bytes, n: int) -> bytes:
    return tag + varint(n) if n else b""

"""Shapes of spans: a name, a kind and attributes, serialized once as a template with holes.

Owns span slots within a trace, how a failure looks on a span, and columns of spans that share a shape. Knows
nothing of which operations there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from rootspan import semconv
from rootspan_demo.wire import Mark, Template, attribute, cut_template, encode_fixed64

__all__ = [
    "BALANCER_SLOT",
    "CLIENT",
    "EMBED",
    "FETCH",
    "FORWARD",
    "GATEWAY_CLIENT_SLOT",
    "GATEWAY_SLOT",
    "NO_PARENT",
    "SERVER",
    "STORE",
    "Failure",
    "Shape",
    "SpanBatch",
    "SpanRows",
    "attempt_slot",
    "split_by_state",
]

SCOPE_SPANS_FIELD: Final = 2
_SAMPLED, _CHILD_FLAGS, _SERVER_FLAGS = 0x001, 0x101, 0x301
"""Bits of Span.flags: sampled; parent known to be local; parent known to be remote."""
GATEWAY_SLOT, GATEWAY_CLIENT_SLOT, BALANCER_SLOT, FIRST_ATTEMPT_SLOT = 0, 1, 2, 3
CLIENT, SERVER, EMBED, FETCH, STORE, FORWARD = range(6)
"""Slots of an attempt, after its first."""
NO_PARENT: Final = -1
Ints = NDArray[np.int64]
Bytes2D = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SpanRows:
    """Spans in columns: all arrays have one entry a span, attribute columns its encoded bytes.

    Attributes:
        instance: Who recorded it.
        trace, slot, parent: Numbers of its trace, of itself in the trace, and of its parent (or NO_PARENT).
        start, end: Unix nanoseconds.
        columns: Bytes of each variable attribute; more than a shape needs is allowed before splitting.
    """

    instance: Ints
    trace: Ints
    slot: Ints
    parent: Ints
    start: Ints
    end: Ints
    columns: Mapping[str, Bytes2D]


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Spans that one template makes."""

    template: Template
    rows: SpanRows


@dataclass(frozen=True, slots=True)
class Failure:
    """How a span says that it failed; with an exception where it began there."""

    error_type: str
    message: str
    exception: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A span's name, kind, fixed attributes, and the widths of variable ones (0: a double)."""

    name: str
    kind: "Span.SpanKind.ValueType"
    fixed: Mapping[str, str | int] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()
    integers: Mapping[str, int] = field(default_factory=dict)
    texts: Mapping[str, int] = field(default_factory=dict)
    root: bool = False


def attempt_slot(attempt: Ints, part: int) -> Ints:
    """Slot of a part of an attempt within its trace."""
    return FIRST_ATTEMPT_SLOT + 6 * attempt + part


def _template(shape: Shape, failure: Failure | None) -> Template:
    """Serialize a span of this shape with placeholders, and cut the holes."""
    mark = {
        "trace_id": b"\xf1trace-id-here\xf2\xf3",
        "span_id": b"\xf4span-id",
        "parent_id": b"\xf5parent\xf6",
        "start": (0xF7A1B2C3D4E5F6A7).to_bytes(8, "little"),
        "end": (0xF8A2B3C4D5E6F7A8).to_bytes(8, "little"),
    }
    span = Span(
        trace_id=mark["trace_id"],
        span_id=mark["span_id"],
        parent_span_id=b"" if shape.root else mark["parent_id"],
        flags=_SAMPLED
        if shape.root
        else _SERVER_FLAGS
        if shape.kind == Span.SPAN_KIND_SERVER
        else _CHILD_FLAGS,
        name=shape.name,
        kind=shape.kind,
        start_time_unix_nano=int.from_bytes(mark["start"], "little"),
        end_time_unix_nano=int.from_bytes(mark["end"], "little"),
        attributes=[attribute(key, value) for key, value in shape.fixed.items()],
    )
    marks = {
        name: Mark(pattern, len(pattern))
        for name, pattern in mark.items()
        if name != "parent_id" or not shape.root
    }
    placeholders: dict[str, tuple[str | int | float, int]] = dict.fromkeys(shape.doubles, (1.2345678901, 8))
    placeholders |= {name: ((1 << 7 * width) - 1, width) for name, width in shape.integers.items()}
    placeholders |= {name: ("\x01" * width, width) for name, width in shape.texts.items()}
    for name, (value, width) in placeholders.items():
        pair = attribute(name, value)
        span.attributes.append(pair)
        marks[name] = Mark(pair.SerializeToString(), width)
    if failure is not None:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=failure.message))
        span.attributes.append(attribute(semconv.ERROR_TYPE, failure.error_type))
        if failure.exception:
            at = (0xF9A3B4C5D6E7F8A9).to_bytes(8, "little")
            event = span.events.add(name="exception", time_unix_nano=int.from_bytes(at, "little"))
            event.attributes.append(attribute("exception.type", failure.error_type))
            event.attributes.append(attribute("exception.message", failure.message))
            marks["event_time"] = Mark(at, 8)
    return cut_template(span, marks, field=SCOPE_SPANS_FIELD)


def split_by_state(
    rows: SpanRows, state: Ints, variants: Sequence[tuple[int, Shape, Failure | None]]
) -> Iterator[SpanBatch]:
    """A batch for each variant that occurs: rows whose state is its value, with its shape and failure."""
    for value, shape, failure in variants:
        keep = state == value
        if not keep.any():
            continue
        template = _template(shape, failure)
        start, end = rows.start[keep], rows.end[keep]
        columns = {name: column[keep] for name, column in rows.columns.items() if name in template.holes}
        if "event_time" in template.holes:
            columns["event_time"] = encode_fixed64(end - np.minimum(20_000, (end - start) // 2))
        shaped = SpanRows(
            instance=rows.instance[keep],
            trace=rows.trace[keep],
            slot=rows.slot[keep],
            parent=rows.parent[keep],
            start=start,
            end=end,
            columns=columns,
        )
        yield SpanBatch(template, shaped)

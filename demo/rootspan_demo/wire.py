"""Protobuf bytes by patching: the protobuf library serializes one message, and thousands are made from it.

Owns templates with holes of fixed width and the framing of nested messages. Knows nothing of spans.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = [
    "Mark",
    "Template",
    "attribute",
    "cut_template",
    "encode_doubles",
    "encode_fixed64",
    "encode_integers",
    "frame",
    "text_table",
]

Bytes2D = NDArray[np.uint8]
_LENGTH_DELIMITED: Final = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a hole is: the last `width` bytes of the only place where `pattern` stands in the message."""

    pattern: bytes
    width: int


@dataclass(frozen=True, slots=True)
class Template:
    """A serialized message with holes.

    Attributes:
        body: The message, framed as its parent's field if cut so.
        holes: Offset and width by name.
    """

    body: bytes
    holes: Mapping[str, tuple[int, int]]

    def render(self, count: int, columns: Mapping[str, Bytes2D]) -> Bytes2D:
        """Make `count` messages, one a row.

        Args:
            columns: For each hole (count, width) bytes.

        Raises:
            ValueError: A column is missing or has the wrong shape.
        """
        rows = np.empty((count, len(self.body)), dtype=np.uint8)
        rows[:] = np.frombuffer(self.body, dtype=np.uint8)
        for name, (offset, width) in self.holes.items():
            column = columns.get(name)
            if column is None or column.shape != (count, width):
                got = "nothing" if column is None else str(column.shape)
                raise ValueError(f"hole {name} needs ({count}, {width}) bytes, got {got}; pass that column")
            rows[:, offset : offset + width] = column
        return rows


def cut_template(message: Message, marks: Mapping[str, Mark], *, field: int | None = None) -> Template:
    """Serialize a message that holds unlikely placeholder values, and cut the holes where they stand.

    Args:
        field: Frame the message as this field of its parent.

    Raises:
        ValueError: A pattern stands nowhere or more than once.
    """
    body = message.SerializeToString(deterministic=True)
    if field is not None:
        body = frame(field, [body])
    holes = {}
    for name, mark in marks.items():
        if body.count(mark.pattern) != 1:
            raise ValueError(
                f"placeholder of {name} stands {body.count(mark.pattern)} times; choose a rarer one"
            )
        holes[name] = (body.index(mark.pattern) + len(mark.pattern) - mark.width, mark.width)
    return Template(body, holes)


def attribute(key: str, value: str | int | float | bool) -> KeyValue:
    """An OTLP attribute."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def frame(field: int, parts: Sequence[bytes]) -> bytes:
    """A length-delimited field whose content is `parts` one after the other."""
    return b"".join([_varint(field << 3 | _LENGTH_DELIMITED), _varint(sum(map(len, parts))), *parts])


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_fixed64(values: NDArray[np.int64]) -> Bytes2D:
    """Little-endian (n, 8) bytes of non-negative integers."""
    return np.ascontiguousarray(values, dtype="<u8").view(np.uint8).reshape(len(values), 8)


def encode_doubles(values: NDArray[np.float64]) -> Bytes2D:
    """Little-endian (n, 8) bytes of doubles."""
    return np.ascontiguousarray(values, dtype="<f8").view(np.uint8).reshape(len(values), 8)


def encode_integers(values: NDArray[np.int64], width: int) -> Bytes2D:
    """Varints of exactly `width` bytes, (n, width).

    Raises:
        ValueError: A value's shortest varint has another width.
    """
    low, high = (0 if width == 1 else 1 << 7 * (width - 1)), 1 << 7 * width
    if len(values) and not (low <= values.min() and values.max() < high):
        raise ValueError(f"varint of {width} bytes holds {low}-{high - 1}, got {values.min()}-{values.max()}")
    groups = np.stack([values >> 7 * k & 0x7F | (0x80 if k < width - 1 else 0) for k in range(width)], axis=1)
    return groups.astype(np.uint8) if len(values) else np.empty((0, width), dtype=np.uint8)


def text_table(texts: Sequence[str]) -> Bytes2D:
    """UTF-8 of texts of equal length in bytes, one a row.

    Raises:
        ValueError: They differ in length, or there are none.
    """
    encoded = [text.encode() for text in texts]
    if len({len(one) for one in encoded}) != 1:
        raise ValueError(
            f"texts of one hole must have one length, got {sorted({len(one) for one in encoded})}"
        )
    return np.frombuffer(b"".join(encoded), dtype=np.uint8).reshape(len(encoded), -1)

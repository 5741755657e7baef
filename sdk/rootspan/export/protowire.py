"""The wire format of protocol buffers, as far as OTLP needs it: varints, tags, length-delimited fields.

Pure. Knows nothing of spans. Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_U64 = (1 << 64) - 1
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_double = struct.Struct("<d").pack
_ONE_BYTE = tuple(bytes((n,)) for n in range(128))
# Field 4 of AnyValue is a double: tag, then eight bytes.
_DOUBLE_TAG = b"\x21"


def varint(n: int) -> bytes:
    """An unsigned number, 0 to 2**64 - 1."""
    if n < 128:
        return _ONE_BYTE[n]
    if n < 16384:
        return bytes((n & 127 | 128, n >> 7))
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def delimited(tag: bytes, body: bytes) -> bytes:
    """A field of bytes, text or a message: its tag, its length, itself."""
    return tag + varint(len(body)) + body


def text(value: str) -> bytes:
    """UTF-8. Half a surrogate pair, which UTF-8 cannot hold, becomes a question mark: better than no span."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="replace")


def any_value(value: object) -> bytes:
    """The body of an OTLP AnyValue.

    Text, bool, int, float, bytes, None, sequences and mappings of these, as OpenTelemetry's encoder has them.
    An int beyond 64 bits is written in decimal, an object of any other type as its `str()`.
    """
    kind = type(value)
    if kind is str:
        return delimited(b"\x0a", text(value))  # type: ignore[arg-type]
    if kind is int:
        return _integer(value)  # type: ignore[arg-type]
    if kind is float:
        return _DOUBLE_TAG + _double(value)
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    return _unusual(value)


def key_value(key: str, value: object) -> bytes:
    """The body of an OTLP KeyValue."""
    return delimited(b"\x0a", text(key)) + delimited(b"\x12", any_value(value))


def _integer(value: int) -> bytes:
    if not _INT64_MIN <= value <= _INT64_MAX:
        return delimited(b"\x0a", str(value).encode())
    return b"\x18" + varint(value & _U64)


def _unusual(value: object) -> bytes:
    """Subclasses (numpy's float64 is a float), bytes, None and containers."""
    if value is None:
        return b""
    for base, encode in _BY_BASE:
        if isinstance(value, base):
            return encode(value)
    return delimited(b"\x0a", text(str(value)))


def _array(values: Sequence[object]) -> bytes:
    return delimited(b"\x2a", b"".join([delimited(b"\x0a", any_value(item)) for item in values]))


def _mapping(values: Mapping[object, object]) -> bytes:
    pairs = [delimited(b"\x0a", key_value(str(key), item)) for key, item in values.items()]
    return delimited(b"\x32", b"".join(pairs))


# The order matters: a bool is an int, text and bytes are sequences.
_BY_BASE: tuple[tuple[type, Callable[[Any], bytes]], ...] = (
    (bool, lambda value: any_value(bool(value))),
    (str, lambda value: delimited(b"\x0a", text(value))),
    (int, lambda value: _integer(int(value))),
    (float, lambda value: _DOUBLE_TAG + _double(value)),
    (bytes, lambda value: delimited(b"\x3a", value)),
    (Sequence, _array),
    (Mapping, _mapping),
)

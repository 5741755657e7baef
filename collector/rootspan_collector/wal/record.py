"""Frames log records and finds them again in damaged bytes. Pure; knows nothing of files.

A record is `frame (8) | marker (8) | digest (16) | payload length (4) | items (4) | crc32 (4) | payload`,
little-endian. The frame makes it, as it lies there, a message of ClickHouse's Protobuf format: the length of
what follows as a varint (of five bytes, whatever the length), then the key and length of a field 1001, which
no OTLP message has and whose 36 bytes are what stands before the payload. The engine skips a field that it
does not know, so a stretch of records is the body of an INSERT, and the kernel sends it from the file.

The marker is random and chosen anew for each segment, so no sender can plant bytes that a resynchronising
reader takes for a record. The checksum covers digest, length and items; the digest, xxh3 of 128 bits, covers
the payload. One pass over the payload (60 GB/s here; crc32 made 4, blake2b 1) serves twice: it finds damage,
and it names the request, so that one that is sent again is recognised.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import xxhash

__all__ = [
    "DIGEST_BYTES",
    "HEADER_BYTES",
    "MARKER_BYTES",
    "Damage",
    "Record",
    "Scan",
    "digest_of",
    "encode_header",
    "scan",
    "walk",
]

MARKER_BYTES = 8
DIGEST_BYTES = 16
_HEADER = struct.Struct("<8s8s16sIII")
_COVERED = struct.Struct("<16sII")
HEADER_BYTES = _HEADER.size
_FRAME_BYTES = 8
# Key of field 1001, wire type LEN, as a varint; then the length of the field.
_FIELD = bytes((1001 << 3 & 0x7F | 2 | 0x80, 1001 >> 4, HEADER_BYTES - _FRAME_BYTES))
_LENGTH_BYTES = _FRAME_BYTES - len(_FIELD)


@dataclass(frozen=True, slots=True)
class Record:
    """Where one record's payload lies, in bytes from the buffer's start, its digest, and its items.

    The record itself, a frame of ClickHouse's Protobuf format, begins `HEADER_BYTES` before `start`.
    """

    start: int
    end: int
    items: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes [start, end) that are no intact record.

    Attributes:
        is_tail: No intact record follows them.
        items: How many items they held, if a header that fits them exactly says so; else 0.
    """

    start: int
    end: int
    is_tail: bool
    items: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a buffer holds, both in order of position; together they cover it without a gap."""

    records: tuple[Record, ...]
    damages: tuple[Damage, ...]


def digest_of(payload: bytes | memoryview) -> bytes:
    """Return the 16 bytes by which a payload is known: equal for equal payloads, and else different."""
    return xxhash.xxh3_128_digest(payload)


def _frame(payload_bytes: int) -> bytes:
    length = payload_bytes + HEADER_BYTES - _LENGTH_BYTES
    septets = [length >> shift & 0x7F | 0x80 for shift in range(0, 7 * _LENGTH_BYTES, 7)]
    septets[-1] &= 0x7F
    return bytes(septets) + _FIELD


def encode_header(marker: bytes, payload: bytes, items: int, digest: bytes) -> bytes:
    """Return the header that goes before `payload`; `digest` is its `digest_of`."""
    return _header(marker, len(payload), items, digest)


def _header(marker: bytes, size: int, items: int, digest: bytes) -> bytes:
    crc = zlib.crc32(_COVERED.pack(digest, size, items))
    return _HEADER.pack(_frame(size), marker, digest, size, items, crc)


def _record_at(buffer: memoryview, position: int, end: int, marker: bytes) -> Record | None:
    start = position + HEADER_BYTES
    if start > end:
        return None
    _, _, digest, size, items, _ = _HEADER.unpack_from(buffer, position)
    if size > end - start or buffer[position:start] != _header(marker, size, items, digest):
        return None
    with buffer[start : start + size] as payload:
        if digest_of(payload) != digest:
            return None
    return Record(start, start + size, items, digest)


def scan(buffer: memoryview, start: int, end: int, marker: bytes) -> Scan:
    """Find every intact record in `buffer[start:end]`, verifying all checksums.

    After damage the search goes on at the next marker, so one flipped bit costs one record, not the rest.
    """
    records: list[Record] = []
    damages: list[Damage] = []
    position = start
    while position < end:
        record = _record_at(buffer, position, end, marker)
        if record is None:
            resumed = _resume_at(buffer, position + 1, end, marker)
            stop = end if resumed is None else resumed
            damages.append(
                Damage(position, stop, resumed is None, _claimed_items(buffer, position, stop, marker))
            )
            position = stop
        else:
            records.append(record)
            position = record.end
    return Scan(tuple(records), tuple(damages))


def _claimed_items(buffer: memoryview, position: int, stop: int, marker: bytes) -> int:
    if stop - position < HEADER_BYTES:
        return 0
    _, found, _, size, items, _ = _HEADER.unpack_from(buffer, position)
    # An item takes two bytes at least: a count beyond that is damaged itself.
    is_credible = found == marker and position + HEADER_BYTES + size == stop and items <= size // 2
    return int(items) if is_credible else 0


def _resume_at(buffer: memoryview, position: int, end: int, marker: bytes) -> int | None:
    # Copying the rest once is fine: this runs on damage only, and memoryview has no find.
    rest = bytes(buffer[position:end])
    offset = rest.find(marker, _FRAME_BYTES)
    while offset >= 0:
        start = position + offset - _FRAME_BYTES
        if _record_at(buffer, start, end, marker) is not None:
            return start
        offset = rest.find(marker, offset + 1)
    return None


def walk(buffer: memoryview, start: int, end: int) -> Iterator[Record]:
    """Yield the records of `buffer[start:end]` without verifying them: only for bytes known to be intact."""
    position = start
    while position < end:
        _, _, digest, size, items, _ = _HEADER.unpack_from(buffer, position)
        payload = position + HEADER_BYTES
        yield Record(payload, payload + size, items, digest)
        position = payload + size

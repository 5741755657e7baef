"""A segment file: its name, its header, and how its records are read back. Never writes.

The header names the collector, the signal, the sequence number, how many items the log had accepted before
it (so a missing or damaged segment shows in the balance) and the marker of its records. A segment's token
holds the marker
too: a log folder that was restored from a backup can repeat a sequence number, never a token.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from rootspan_collector.wal.record import MARKER_BYTES, Record, Scan, scan, walk
from rootspan_store.ingest import Signal

__all__ = [
    "HEADER_BYTES",
    "Segment",
    "SegmentHeader",
    "SegmentView",
    "decode_header",
    "segment_path",
    "segment_seq",
]

_MAGIC = b"RSPANWAL"
_VERSION = 2
# magic, version, signal, collector id (hex), sequence, items before, created at (unix ns), marker
_FIELDS = struct.Struct("<8sHH16sQQQ8s")
_CRC = struct.Struct("<I")
# How much of a mapped segment stays resident while it is read.
_WINDOW_BYTES = 8 * 1024 * 1024
HEADER_BYTES = _FIELDS.size + _CRC.size
_SIGNAL_NUMBERS = {Signal.TRACES: 1, Signal.LOGS: 2, Signal.METRICS: 3}
_SIGNALS = {number: signal for signal, number in _SIGNAL_NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says of itself.

    `items_before` counts the signal's items accepted before this segment.
    """

    signal: Signal
    collector_id: str
    seq: int
    items_before: int
    created_unix_ns: int
    marker: bytes

    @property
    def token(self) -> str:
        """The deduplication token under which this segment, and nothing else, is inserted."""
        return f"{self.collector_id}-{self.signal}-{self.seq:012d}-{self.marker.hex()}"

    def encode(self) -> bytes:
        """Return the header's bytes, checksum included."""
        fields = _FIELDS.pack(
            _MAGIC,
            _VERSION,
            _SIGNAL_NUMBERS[self.signal],
            self.collector_id.encode("ascii"),
            self.seq,
            self.items_before,
            self.created_unix_ns,
            self.marker,
        )
        return fields + _CRC.pack(zlib.crc32(fields))


def decode_header(data: bytes) -> SegmentHeader | None:
    """Return the header at the start of `data`, or None if it is short, damaged or of another version."""
    if len(data) < HEADER_BYTES:
        return None
    if _CRC.unpack_from(data, _FIELDS.size)[0] != zlib.crc32(data[: _FIELDS.size]):
        return None
    magic, version, signal, collector_id, seq, before, created, marker = _FIELDS.unpack_from(data)
    if magic != _MAGIC or version != _VERSION or signal not in _SIGNALS or len(marker) != MARKER_BYTES:
        return None
    return SegmentHeader(_SIGNALS[signal], collector_id.decode("ascii"), seq, before, created, marker)


def segment_path(folder: Path, signal: Signal, seq: int) -> Path:
    """Return where a segment lives; names sort in the order of sequence numbers."""
    return folder / f"{signal}-{seq:012d}.wal"


def segment_seq(path: Path) -> int:
    """Return the sequence number in a segment's file name. Raises ValueError for any other name."""
    return int(path.stem.rpartition("-")[2])


class _Requests(Sequence[memoryview]):
    """Payloads in the mapped file, cut out when asked for; pages that were read are given back on the way."""

    def __init__(self, mapped: mmap.mmap, view: memoryview, records: Sequence[Record]) -> None:
        self._mapped = mapped
        self._view = view
        self._records = records
        self._window = -1

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> memoryview: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[memoryview]: ...
    def __getitem__(self, index: int | slice) -> memoryview | Sequence[memoryview]:
        if isinstance(index, slice):
            return _Requests(self._mapped, self._view, self._records[index])
        record = self._records[index]
        window = record.start // _WINDOW_BYTES
        if window != self._window:
            # The pages stay in the page cache; only this process' share of memory shrinks.
            self._mapped.madvise(mmap.MADV_DONTNEED)
            self._window = window
        return self._view[record.start : record.end]


class SegmentView:
    """An open segment's bytes and what they hold; valid inside `Segment.open` only."""

    def __init__(self, mapped: mmap.mmap, found: Scan) -> None:
        # Unmapped when the last slice is gone: an error's traceback may hold one for longer than `open`
        # lasts.
        self._mapped = mapped
        self._view = memoryview(mapped)
        self.scan = found

    def requests(self, records: Sequence[Record]) -> Sequence[memoryview]:
        """Return the payloads of some of the scan's records, without copying them."""
        return _Requests(self._mapped, self._view, records)

    def bytes_of(self, start: int, end: int) -> bytes:
        """Return a copy of bytes [start, end) of the file."""
        return bytes(self._view[start:end])


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed segment: nothing is appended to it any more.

    Attributes:
        size_bytes: How far the file holds acknowledged data, header included.
        items: Items that were acknowledged into it, readable or not.
        sealed_s: When it was sealed, on the monotonic clock; None for one that was found at start.
    """

    path: Path
    header: SegmentHeader
    size_bytes: int
    items: int
    sealed_s: float | None

    @contextmanager
    def open(self, *, verify: bool) -> Iterator[SegmentView]:
        """Map the file.

        With `verify` every checksum is computed; without, the bytes are taken to be intact.
        """
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            mapped = mmap.mmap(fd, self.size_bytes, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        with memoryview(mapped) as view:
            if verify:
                found = scan(view, HEADER_BYTES, self.size_bytes, self.header.marker)
            else:
                found = Scan(tuple(walk(view, HEADER_BYTES, self.size_bytes)), ())
        mapped.madvise(mmap.MADV_DONTNEED)
        yield SegmentView(mapped, found)

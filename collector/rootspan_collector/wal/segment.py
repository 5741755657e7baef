"""A segment file: its name, its header, and how its records are read back. Never writes.

The header names the collector, the signal, the sequence number, how many items the log had accepted before
it (so a missing or damaged segment shows in the balance) and the marker of its records. A segment's token
holds the marker
too: a log folder that was restored from a backup can repeat a sequence number, never a token.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rootspan_collector.wal.record import HEADER_BYTES as RECORD_HEADER_BYTES
from rootspan_collector.wal.record import MARKER_BYTES, Record, Scan, scan, walk
from rootspan_store.ingest import Signal

__all__ = [
    "HEADER_BYTES",
    "Frames",
    "Segment",
    "SegmentHeader",
    "SegmentView",
    "decode_header",
    "segment_path",
    "segment_seq",
]

_MAGIC = b"RSPANWAL"
_VERSION = 3
# magic, version, signal, collector id (hex), sequence, items before, created at (unix ns), marker
_FIELDS = struct.Struct("<8sHH16sQQQ8s")
_CRC = struct.Struct("<I")
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


@dataclass(frozen=True, slots=True)
class Frames:
    """Requests as they lie in a segment's file: what an INSERT takes, without being copied.

    Attributes:
        file: The open file; valid as long as the segment's view is.
        stretches: Bytes [start, end) of it, in order: frames of ClickHouse's Protobuf format, one a request.
    """

    file: io.FileIO
    stretches: tuple[tuple[int, int], ...]

    @property
    def size_bytes(self) -> int:
        """Length of all stretches."""
        return sum(end - start for start, end in self.stretches)


def _stretches(records: Sequence[Record]) -> Iterator[tuple[int, int]]:
    """Join records that lie side by side."""
    start = end = -1
    for record in records:
        begins = record.start - RECORD_HEADER_BYTES
        if begins != end:
            if end > 0:
                yield start, end
            start = begins
        end = record.end
    if end > 0:
        yield start, end


class SegmentView:
    """An open segment's bytes and what they hold; valid inside `Segment.open` only."""

    def __init__(self, file: io.FileIO, found: Scan) -> None:
        self._file = file
        self.scan = found

    def frames(self, records: Sequence[Record]) -> Frames:
        """Return where some of the scan's records lie, to be inserted."""
        return Frames(self._file, tuple(_stretches(records)))

    def bytes_of(self, start: int, end: int) -> bytes:
        """Return a copy of bytes [start, end) of the file. Raises OSError."""
        return os.pread(self._file.fileno(), end - start, start)


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
        """Open the file.

        With `verify` every checksum is computed; without, the bytes are taken to be intact.
        """
        with io.FileIO(self.path) as file:
            with (
                mmap.mmap(file.fileno(), self.size_bytes, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as view,
            ):
                if verify:
                    found = scan(view, HEADER_BYTES, self.size_bytes, self.header.marker)
                else:
                    found = Scan(tuple(walk(view, HEADER_BYTES, self.size_bytes)), ())
            yield SegmentView(file, found)

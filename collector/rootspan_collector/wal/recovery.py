"""Reads a signal's log as the last process left it: the intact goes on, the rest is set aside with a reason.

* A torn tail of the last segment (the process or the machine died in a write, nothing of it was
  acknowledged) is set aside and cut off.
* Damage with intact records behind it stays in place; the writer skips it and sets it aside. The next
  segment's header says how many acknowledged items were there, so the loss is counted, not hidden.
* Segments that the progress file calls done are deleted: the process died between recording and deleting.
"""

from __future__ import annotations

import logging
import mmap
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rootspan_collector.errors import LogCorrupt
from rootspan_collector.ledger import Counts
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.wal.progress import Progress, load_progress
from rootspan_collector.wal.record import Scan, scan
from rootspan_collector.wal.segment import (
    HEADER_BYTES,
    Segment,
    SegmentHeader,
    decode_header,
    segment_seq,
)
from rootspan_store.ingest import Signal

__all__ = ["Recovered", "recover"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A signal's log at start: segments to insert, oldest first, their requests, where counting goes on."""

    segments: tuple[Segment, ...]
    digests: tuple[bytes, ...]
    progress: Progress
    counts: Counts
    next_seq: int


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    header: SegmentHeader
    size_bytes: int
    scan: Scan

    @property
    def items(self) -> int:
        return sum(record.items for record in self.scan.records)


def recover(folder: Path, signal: Signal, quarantine: Quarantine) -> Recovered:
    """Read the log folder of one signal; every checksum is verified.

    Raises:
        OSError: The folder cannot be read, or what is damaged cannot be set aside.
        LogCorrupt: A file is there that this program must not guess about.
    """
    progress = load_progress(folder, signal)
    paths = sorted(folder.glob(f"{signal}-*.wal"))
    last_seq = max([progress.done_seq, *map(segment_seq, paths)])
    found = [opened for path in paths if (opened := _open(path, signal, progress, quarantine))]
    if found:
        found[-1] = _without_torn_tail(found[-1], quarantine)
    segments = [_bounded(this, after) for this, after in pairwise(found)]
    segments += [_last(last) for last in found[-1:] if last.scan.records or last.scan.damages]
    pending = sum(segment.items for segment in segments)
    accepted = max([progress.accepted, *(s.header.items_before + s.items for s in segments)])
    counts = Counts(
        accepted, progress.stored, pending, progress.quarantined, progress.refused, progress.repeated
    )
    # Of acknowledged requests alone: what lies behind a segment's end was refused, and comes again.
    digests = tuple(
        record.digest
        for one, segment in zip(found, segments, strict=False)
        for record in one.scan.records
        if record.end <= segment.size_bytes
    )
    return Recovered(tuple(segments), digests, progress, counts, last_seq + 1)


def _open(path: Path, signal: Signal, progress: Progress, quarantine: Quarantine) -> _Found | None:
    if segment_seq(path) <= progress.done_seq:
        path.unlink()
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        header = decode_header(file.read(HEADER_BYTES))
        if header is None and size <= HEADER_BYTES:
            # Acknowledging starts after header and name are synced, so nothing of this file was.
            path.unlink()
            return None
        if header is None:
            kept = quarantine.file(path, "the segment's header is damaged")
            _LOG.error("%s: header damaged; the file is kept as %s", path, kept)
            return None
        if header.signal is not signal or header.seq != segment_seq(path):
            raise LogCorrupt(
                f"{path} says it is {header.signal} segment {header.seq}: the file was renamed; give it its "
                "name back"
            )
        if size == HEADER_BYTES:
            return _Found(path, header, size, Scan((), ()))
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            return _Found(path, header, size, scan(view, HEADER_BYTES, size, header.marker))


def _without_torn_tail(found: _Found, quarantine: Quarantine) -> _Found:
    tail = next((damage for damage in found.scan.damages if damage.is_tail), None)
    if tail is None:
        return found
    with found.path.open("rb") as file:
        file.seek(tail.start)
        data = file.read(tail.end - tail.start)
    kept = quarantine.damage(
        found.header,
        tail.start,
        data,
        "torn tail: the collector or the machine died while writing; not acknowledged",
    )
    _LOG.warning("%s: %d bytes of torn tail cut off; kept as %s", found.path, len(data), kept)
    fd = os.open(found.path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, tail.start)
        os.fsync(fd)
    finally:
        os.close(fd)
    rest = tuple(damage for damage in found.scan.damages if not damage.is_tail)
    return _Found(found.path, found.header, tail.start, Scan(found.scan.records, rest))


def _bounded(found: _Found, after: _Found) -> Segment:
    """Trust the next segment's header for how many items were acknowledged into this one."""
    if after.header.seq != found.header.seq + 1:
        return _segment(found, found.size_bytes, found.items)  # a file is missing: the balance shows it
    acknowledged = after.header.items_before - found.header.items_before
    if found.items < acknowledged:
        _LOG.error("%s: %d of %d items are unreadable", found.path, acknowledged - found.items, acknowledged)
    size, items = HEADER_BYTES, 0
    for record in found.scan.records:
        if items + record.items > acknowledged:
            # A write that failed and could not even be cut off: never acknowledged, and sent again since.
            return _segment(found, size, items)
        size, items = record.end, items + record.items
    return _segment(found, found.size_bytes, max(acknowledged, found.items))


def _last(found: _Found) -> Segment:
    """No later header vouches for this one's count.

    Damaged records are counted as far as their headers can be read.
    """
    lost = sum(damage.items for damage in found.scan.damages)
    if lost:
        _LOG.error("%s: %d items are unreadable", found.path, lost)
    return _segment(found, found.size_bytes, found.items + lost)


def _segment(found: _Found, size_bytes: int, items: int) -> Segment:
    return Segment(found.path, found.header, size_bytes, items, sealed_s=None)

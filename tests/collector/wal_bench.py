"""Logs on real folders, with a disk that tests can make slow or fail."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from rootspan_collector.ledger import Ledger
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.disk import PosixDisk
from rootspan_collector.wal.log import SignalLog
from rootspan_collector.wal.recovery import Recovered, recover
from rootspan_collector.wal.segment import Frames, SegmentView
from rootspan_store.ingest import Signal

COLLECTOR_ID = "0123456789abcdef"


def requests_of(frames: Frames) -> list[bytes]:
    """Read frames as ClickHouse does: a length, then a message, whose first field is not OTLP's."""
    found = []
    for start, end in frames.stretches:
        data, position = os.pread(frames.file.fileno(), end - start, start), 0
        while position < len(data):
            size, position = varint(data, position)
            key, field = varint(data, position)
            skipped, field = varint(data, field)
            assert key == 1001 << 3 | 2
            found.append(data[field + skipped : position + size])
            position += size
        assert position == len(data)
    return found


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number there, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def requests_in(view: SegmentView) -> list[bytes]:
    """Everything that is intact in a segment, as the store would get it."""
    return requests_of(view.frames(view.scan.records))


class TroubledDisk(PosixDisk):
    """The real disk, until told otherwise. `gate` holds every sync back while it is cleared."""

    def __init__(self) -> None:
        self.fail_append: OSError | None = None
        self.fail_sync: OSError | None = None
        self.fail_truncate: OSError | None = None
        self.fail_create: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.syncs = 0
        self.syncing = threading.Event()

    def create(self, path: Path) -> int:
        if self.fail_create:
            raise self.fail_create
        return super().create(path)

    def append(self, fd: int, buffers: Sequence[bytes]) -> None:
        if self.fail_append:
            # As a full disk does: half of it arrives.
            whole = b"".join(buffers)
            super().append(fd, [whole[: len(whole) // 2]])
            raise self.fail_append
        super().append(fd, buffers)

    def sync(self, fd: int) -> None:
        self.syncing.set()
        self.gate.wait(10)
        if self.fail_sync:
            raise self.fail_sync
        super().sync(fd)
        self.syncs += 1

    def truncate(self, fd: int, size_bytes: int) -> None:
        if self.fail_truncate:
            raise self.fail_truncate
        super().truncate(fd, size_bytes)


class WalBench:
    """Opens and reopens one signal's log in one folder, as restarts of the collector do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = TroubledDisk()
        self.budget = ByteBudget(1 << 30)
        (folder / "quarantine").mkdir(parents=True)
        self.quarantine = Quarantine(folder / "quarantine")

    def open(self, *, segment_bytes: int = 1 << 20, limit_bytes: int = 1 << 30) -> SignalLog:
        found = self.recover()
        self.budget = ByteBudget(limit_bytes)
        for segment in found.segments:
            self.budget.adopt(segment.size_bytes)
        return SignalLog(
            self.folder,
            Signal.TRACES,
            COLLECTOR_ID,
            ledger=Ledger(found.counts),
            budget=self.budget,
            found=found.segments,
            digests=found.digests,
            progress=found.progress,
            next_seq=found.next_seq,
            segment_bytes=segment_bytes,
            disk=self.disk,
        )

    def recover(self) -> Recovered:
        return recover(self.folder, Signal.TRACES, self.quarantine)

    def payloads(self, log: SignalLog) -> list[bytes]:
        """Take and settle everything that is in the log, in order."""
        read: list[bytes] = []
        while segment := log.next_segment(max_age_s=0, timeout_s=0):
            with segment.open(verify=True) as view:
                found = requests_in(view)
                items = sum(record.items for record in view.scan.records)
                digests = b"".join(record.digest for record in view.scan.records)
            log.settle(segment, stored=items, quarantined=segment.items - items, digests=digests)
            read += found
        return read

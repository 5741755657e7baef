"""The segment that is being written. One writer at a time; the log's commit lock sees to that."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from rootspan_collector.wal.disk import Disk
from rootspan_collector.wal.record import MARKER_BYTES, encode_header
from rootspan_collector.wal.segment import Segment, SegmentHeader, segment_path
from rootspan_store.ingest import Signal

__all__ = ["ActiveSegment"]


class ActiveSegment:
    """An open segment file. `size_bytes` and `items` count what is durable, and nothing else."""

    def __init__(
        self, path: Path, header: SegmentHeader, *, fd: int, size_bytes: int, disk: Disk, opened_s: float
    ) -> None:
        self.path = path
        self.header = header
        self.size_bytes = size_bytes
        self.items = 0
        self.opened_s = opened_s
        self._fd = fd
        self._disk = disk

    @classmethod
    def create(
        cls,
        folder: Path,
        signal: Signal,
        collector_id: str,
        *,
        seq: int,
        items_before: int,
        disk: Disk,
        now_s: float,
    ) -> ActiveSegment:
        """Create the file.

        Returns only after its header and its name are on the disk. Raises OSError, leaving no file.
        """
        header = SegmentHeader(
            signal, collector_id, seq, items_before, time.time_ns(), secrets.token_bytes(MARKER_BYTES)
        )
        path, encoded = segment_path(folder, signal, seq), header.encode()
        fd = disk.create(path)
        try:
            disk.append(fd, [encoded])
            disk.sync(fd)
            disk.sync_folder(folder)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        return cls(path, header, fd=fd, size_bytes=len(encoded), disk=disk, opened_s=now_s)

    def append(self, requests: Sequence[tuple[bytes, int, bytes]]) -> None:
        """Write (payload, items, digest) triples; returns only after fsync.

        Raises:
            OSError: Nothing of these counts as written, and the segment must be closed: see the module's log.
        """
        buffers: list[bytes] = []
        size, items = self.size_bytes, self.items
        for payload, count, digest in requests:
            head = encode_header(self.header.marker, payload, count, digest)
            buffers += (head, payload)
            size += len(head) + len(payload)
            items += count
        try:
            self._disk.append(self._fd, buffers)
            self._disk.sync(self._fd)
        except OSError:
            # Best effort: if even this fails, readers stop at `size_bytes`, and recovery at the next
            # header's count.
            with contextlib.suppress(OSError):
                self._disk.truncate(self._fd, self.size_bytes)
            raise
        self.size_bytes, self.items = size, items

    def flush(self) -> None:
        """Return only after everything is on the disk, whatever the disk's own habits. Raises OSError."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def sealed(self, now_s: float) -> Segment:
        """Return the finished segment."""
        return Segment(self.path, self.header, self.size_bytes, self.items, now_s)

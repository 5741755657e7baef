"""Remembers which requests were made durable lately, so that one that is sent again is not stored again.

Bounded in memory and on disk, in two generations: a digest is remembered for at least the window and at most
twice as long, unless more than `most` requests come in that time; then it is remembered for at least half as
many requests. Digests of requests that still wait in the log are found in the log at a start; those of
settled segments are appended to a small file before the segment is deleted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rootspan_collector.wal.record import DIGEST_BYTES
from rootspan_collector.wal.window import Claim
from rootspan_store.ingest import Signal

__all__ = ["RecentFile", "RecentRequests", "digests_in"]


class RecentRequests:
    """A bounded set of digests. Not thread-safe: its owner holds a lock.

    Args:
        window_s: How long a digest is remembered; 0 remembers nothing.
        most: How many digests are held, both generations together.
    """

    def __init__(self, *, window_s: float, most: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._most_each = max(1, most // 2)
        self._now_s = now_s
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._turned_s = now_s()

    @property
    def is_on(self) -> bool:
        """Whether anything is remembered at all."""
        return self._window_s > 0

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._young or digest in self._old

    def knows(self, digest: bytes) -> bool:
        """See `rootspan_collector.wal.window.Window`."""
        return digest in self

    def claim(self, digest: bytes) -> Claim:
        """See `rootspan_collector.wal.window.Window`; what is not known is whoever's asks."""
        return Claim.KNOWN if digest in self else Claim.MINE

    def settle(self, digests: Sequence[bytes], *, are_durable: bool) -> None:
        """See `rootspan_collector.wal.window.Window`."""
        if are_durable:
            self.add(digests)

    def recover(self, digests: Iterable[bytes]) -> None:
        """See `rootspan_collector.wal.window.Window`."""
        self.add(digests)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def add(self, digests: Iterable[bytes]) -> None:
        """Remember requests that are durable now."""
        if not self.is_on:
            return
        self._young.update(digests)
        now_s = self._now_s()
        if len(self._young) >= self._most_each or now_s - self._turned_s >= self._window_s:
            self._old, self._young = self._young, set()
            self._turned_s = now_s


def digests_in(data: bytes) -> list[bytes]:
    """Cut concatenated digests apart; what is left of a torn last one is dropped."""
    whole = len(data) - len(data) % DIGEST_BYTES
    return [data[start : start + DIGEST_BYTES] for start in range(0, whole, DIGEST_BYTES)]


class RecentFile:
    """The digests of settled segments, in two files that take turns. For one thread.

    What a bit flip or a lost file costs is that a request sent again after a restart is stored again.
    """

    def __init__(self, folder: Path, signal: Signal, *, most: int) -> None:
        self._path = folder / f"{signal}-recent.bin"
        self._former = folder / f"{signal}-recent-former.bin"
        self._most_bytes = max(1, most // 2) * DIGEST_BYTES

    def load(self) -> list[bytes]:
        """Return what was appended, oldest first. Raises OSError."""
        return [
            digest
            for path in (self._former, self._path)
            if path.exists()
            for digest in digests_in(path.read_bytes())
        ]

    def append(self, digests: bytes) -> None:
        """Keep concatenated digests; returns only after fsync. Raises OSError, and may be repeated."""
        fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            size = os.fstat(fd).st_size
            if size >= self._most_bytes:
                os.replace(self._path, self._former)
                os.close(fd)
                fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o640)
                size = 0
            if size % DIGEST_BYTES:  # torn by a crash: the next one must begin at its place
                os.ftruncate(fd, size - size % DIGEST_BYTES)
            rest = memoryview(digests)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fdatasync(fd)
        finally:
            os.close(fd)

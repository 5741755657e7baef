"""The memory of requests that workers share: a file that all of them map, and a lock for each bucket.

An entry is *begun* by the worker that writes the request, and *durable* once that worker's log has it.
Whoever else is asked for the same request meanwhile finds it taken, and tells the sender to come again.
So does a worker whose sibling was killed in between, until the successor has read the log: what is in it
becomes durable, what is not is given back. That is what makes it exact: nobody guesses.

A bucket has 32 places for the requests whose digests fall into it, each of which is free, begun or
durable. The byte that says so is written last, so a worker that is killed at any moment leaves no half
entry. Buckets are locked with POSIX record locks, which the kernel drops when a process dies, and changed
only under them; but an entry that is begun is its owner's, and needs none.

The file is as good as the processes that map it: it is made anew when the first of them start, out of
their logs. It is not for a machine that lost its power.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rootspan_collector.wal.record import DIGEST_BYTES
from rootspan_collector.wal.window import Claim

__all__ = ["SharedWindow"]

_FREE, _BEGUN, _DURABLE = 0, 1, 2
# A bucket: states and owners, a byte for each place; times, in seconds of the monotonic clock, which all
# processes of a machine share; digests.
_PLACES = 32
_OWNERS = _PLACES
_TIMES = _OWNERS + _PLACES
_TIME = struct.Struct("<I")
_ALL_TIMES = struct.Struct(f"<{_PLACES}I")
_DIGESTS = _TIMES + _ALL_TIMES.size
_BUCKET_BYTES = _DIGESTS + _PLACES * DIGEST_BYTES
# Twice the places that are promised: digests fall unevenly, and a full bucket forgets its oldest.
_SLACK = 2
_RECOVERED_AT_ONCE = 1000


class SharedWindow:
    """See `rootspan_collector.wal.window.Window`. Thread-safe.

    Args:
        path: The file; made if missing. All workers give the same, and the same `most`.
        worker: Number of this one, below 256.
        window_s: How long a request is remembered; 0 remembers nothing.
        most: How many are remembered, at least about, if more come in that time.
    """

    def __init__(
        self,
        path: Path,
        worker: int,
        *,
        window_s: float,
        most: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._window_s = window_s
        self._now_s = now_s
        self._buckets = -(-most * _SLACK // _PLACES)
        self._lock = threading.Lock()
        self._begun: dict[bytes, int] = {}
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, self._buckets * _BUCKET_BYTES)
        self._map = mmap.mmap(self._fd, self._buckets * _BUCKET_BYTES)

    def close(self) -> None:
        """Let the file go."""
        self._map.close()
        os.close(self._fd)

    @property
    def is_on(self) -> bool:
        """Whether anything is remembered at all."""
        return self._window_s > 0

    def knows(self, digest: bytes) -> bool:
        """See `rootspan_collector.wal.window.Window`."""
        with self._locked(bucket := self._bucket_of(digest)):
            place = self._find(bucket, digest)
            is_durable = place is not None and self._state(bucket, place) == _DURABLE
            return place is not None and is_durable and self._is_recent(bucket, place)

    def claim(self, digest: bytes) -> Claim:
        """See `rootspan_collector.wal.window.Window`."""
        with self._locked(bucket := self._bucket_of(digest)):
            place = self._find(bucket, digest)
            if place is not None:
                # Read once: its owner settles it without the lock, and between two looks it could be neither.
                state = self._state(bucket, place)
                if state == _BEGUN:
                    return Claim.TAKEN
                if state == _DURABLE and self._is_recent(bucket, place):
                    return Claim.KNOWN
            else:
                place = self._vacate(bucket)
                if place is None:
                    return Claim.TAKEN  # 32 requests of one bucket under way: as good as taken
            self._put(bucket, place, digest, _BEGUN)
            self._begun[digest] = self._at(bucket) + place
        return Claim.MINE

    def settle(self, digests: Sequence[bytes], *, are_durable: bool) -> None:
        """See `rootspan_collector.wal.window.Window`."""
        now = self._now()
        for digest in digests:
            at = self._begun.pop(digest, None)
            if at is None:
                continue  # a request that was known, and was sent again on purpose
            if are_durable:
                base, place = at - at % _BUCKET_BYTES, at % _BUCKET_BYTES
                _TIME.pack_into(self._map, base + _TIMES + place * _TIME.size, now)
            self._map[at] = _DURABLE if are_durable else _FREE

    def recover(self, digests: Iterable[bytes]) -> None:
        """See `rootspan_collector.wal.window.Window`. Not while requests of this worker's are under way."""
        digests = list(digests)
        for first in range(0, len(digests), _RECOVERED_AT_ONCE):
            with self._locked():
                for digest in digests[first : first + _RECOVERED_AT_ONCE]:
                    self._recover_one(digest)
        for bucket in range(self._buckets):
            states = self._map[self._at(bucket) : self._at(bucket) + _PLACES]
            if _BEGUN in states:
                with self._locked(bucket):
                    self._give_back(bucket)

    def _recover_one(self, digest: bytes) -> None:
        bucket = self._bucket_of(digest)
        place = self._find(bucket, digest)
        if place is None:
            place = self._vacate(bucket)
        elif self._state(bucket, place) == _DURABLE:
            return
        if place is not None:
            self._put(bucket, place, digest, _DURABLE)

    def _give_back(self, bucket: int) -> None:
        base = self._at(bucket)
        for place in range(_PLACES):
            if self._map[base + place] == _BEGUN and self._map[base + _OWNERS + place] == self._worker:
                self._map[base + place] = _FREE

    @contextmanager
    def _locked(self, bucket: int | None = None) -> Iterator[None]:
        """Keep other threads and other processes out of one bucket, or of all."""
        start, size = (bucket, 1) if bucket is not None else (0, 0)
        with self._lock:
            fcntl.lockf(self._fd, fcntl.LOCK_EX, size, start)
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN, size, start)

    def _bucket_of(self, digest: bytes) -> int:
        return int.from_bytes(digest[:8], "little") % self._buckets

    def _at(self, bucket: int) -> int:
        return bucket * _BUCKET_BYTES

    def _state(self, bucket: int, place: int) -> int:
        return self._map[self._at(bucket) + place]

    def _now(self) -> int:
        return int(self._now_s()) & 0xFFFFFFFF

    def _is_recent(self, bucket: int, place: int) -> bool:
        """Whether an entry that is durable became so within the window."""
        (settled,) = _TIME.unpack_from(self._map, self._at(bucket) + _TIMES + place * _TIME.size)
        # Whole seconds: one more, so that the window is never shorter than it was said to be.
        return bool(self._now() - settled <= self._window_s + 1)

    def _find(self, bucket: int, digest: bytes) -> int | None:
        base = self._at(bucket)
        start, end = base + _DIGESTS, base + _BUCKET_BYTES
        found = self._map.find(digest, start, end)
        while found >= 0:
            place, is_between = divmod(found - start, DIGEST_BYTES)
            if not is_between and self._map[base + place] != _FREE:
                return place
            found = self._map.find(digest, found + 1, end)
        return None

    def _vacate(self, bucket: int) -> int | None:
        """Return a free place, or that of the oldest entry that is durable; None if none is."""
        base = self._at(bucket)
        free = self._map.find(_FREE_BYTE, base, base + _PLACES)
        if free >= 0:
            return free - base
        states = self._map[base : base + _PLACES]
        times = _ALL_TIMES.unpack_from(self._map, base + _TIMES)
        durable = [place for place in range(_PLACES) if states[place] == _DURABLE]
        return min(durable, key=times.__getitem__, default=None)

    def _put(self, bucket: int, place: int, digest: bytes, state: int) -> None:
        base = self._at(bucket)
        self._map[base + place] = _FREE
        self._map[base + _OWNERS + place] = self._worker
        _TIME.pack_into(self._map, base + _TIMES + place * _TIME.size, self._now())
        start = base + _DIGESTS + place * DIGEST_BYTES
        self._map[start : start + DIGEST_BYTES] = digest
        self._map[base + place] = state


_FREE_BYTE = bytes([_FREE])

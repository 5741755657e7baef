"""How much one tenant may send: a token bucket of bytes and one of items. Never blocks."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from rootspan_collector.errors import QuotaExceeded

__all__ = ["Levels", "OwnLevels", "Quota", "SharedLevels"]

# A client's batches come in bursts: a tenth of a minute's share may come at once.
_BURST_S = 6.0


class Levels(Protocol):
    """Where it is kept what was taken and is not earned back yet, and as of when."""

    def held(self) -> AbstractContextManager[list[float]]:
        """Yield `[bytes, at_s, items, at_s]`, all 0 at first, to read and change while nobody else does."""


class OwnLevels:
    """Of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels = [0.0] * 4

    @contextmanager
    def held(self) -> Iterator[list[float]]:
        """See `Levels.held`."""
        with self._lock:
            yield self._levels


class SharedLevels:
    """Of all processes that name the same file; a lock of its own file keeps them apart. Thread-safe."""

    _FORM = struct.Struct("<4d")

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, self._FORM.size)
        self._map = mmap.mmap(self._fd, self._FORM.size)

    @contextmanager
    def held(self) -> Iterator[list[float]]:
        """See `Levels.held`."""
        with self._lock:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                levels = list(self._FORM.unpack_from(self._map))
                yield levels
                self._FORM.pack_into(self._map, 0, *levels)
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)


class Quota:
    """The limits of one tenant, all signals together; a request larger than a limit runs it into debt.

    Thread-safe. What was taken is earned back at the limit's rate; six seconds' worth may be owed.

    Args:
        bytes_per_s: None: no limit.
        items_per_s: Spans, log records and data points; None: no limit.
        levels: Where it is kept how much was taken; None: in this process.
        now_s: A clock that all who share the levels share, too.
    """

    def __init__(
        self,
        *,
        bytes_per_s: float | None = None,
        items_per_s: float | None = None,
        levels: Levels | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._rates = ((bytes_per_s, "bytes"), (items_per_s, "items"))
        self._levels = levels or OwnLevels()

    def take(self, size_bytes: int, items: int) -> None:
        """Take one request's share.

        Raises:
            QuotaExceeded: What was taken before is not earned yet; nothing was taken.
        """
        wanted = [
            (2 * index, rate, amount, unit)
            for index, ((rate, unit), amount) in enumerate(zip(self._rates, (size_bytes, items), strict=True))
            if rate
        ]
        with self._levels.held() as levels:
            now_s = self._now_s()
            for at, rate, _, unit in wanted:
                earned = (now_s - levels[at + 1]) * rate
                levels[at : at + 2] = (max(0.0, levels[at] - earned), now_s)
                debt = levels[at] - rate * _BURST_S
                if debt > 0:
                    raise QuotaExceeded(f"{rate:g} {unit} a second", max(0.05, debt / rate))
            for at, _, amount, _ in wanted:
                levels[at] += amount

"""Requests on disk: what could not be sent waits here for the collector, or for the next start.

Owns one folder of files, one request each, bounded in bytes. Several processes may share it: a file is sent
by whoever locks it, and a lock ends with the process that holds it, however that ends. Knows nothing of gRPC.

A file is whole or not there: it is written aside and renamed. It survives the process, killed or not; it is
not fsynced, so it may not survive the machine.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from rootspan.export.ledger import Signal

_SUFFIXES = {Signal.SPANS: "spans", Signal.LOGS: "logs", Signal.METRICS: "metrics"}
_SIGNALS = {suffix: signal for signal, suffix in _SUFFIXES.items()}
_sequence = count()


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request out of the spool, locked until its `with` block ends."""

    signal: Signal
    n_items: int
    body: bytes
    path: Path

    def remove(self) -> None:
        """Forget it: it was delivered, or never can be."""
        self.path.unlink(missing_ok=True)


class Spool:
    """A folder of requests.

    Made together with the folder, which only its owner may read: telemetry may hold anything.
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int) -> None:
        """Make the folder.

        Raises:
            OSError: It cannot be made or written to.
        """
        self._folder, self._max_bytes = Path(folder), max_bytes
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{self._folder} is not writable")

    def keep(self, signal: Signal, body: bytes, n_items: int) -> bool:
        """Put a request on disk.

        Returns:
            False when it does not fit or the disk refuses; nothing is left of it then.
        """
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_sequence)}-{n_items}"
        aside = self._folder / f"{name}.tmp"
        try:
            if self.size_bytes() + len(body) > self._max_bytes:
                return False
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
            aside.rename(self._folder / f"{name}.{_SUFFIXES[signal]}")
        except OSError:
            aside.unlink(missing_ok=True)
            return False
        return True

    def size_bytes(self) -> int:
        """What waits now."""
        return sum(_size(path) for path in self._paths())

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._paths()

    def waiting(self) -> Iterator[Path]:
        """What waits now, oldest first; `claim` each."""
        yield from sorted(self._paths())

    @contextmanager
    def claim(self, path: Path) -> Iterator[Waiting | None]:
        """Lock a request for this process; None where somebody else has it or had it."""
        try:
            file = path.open("rb")
        except OSError:
            yield None
            return
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield None
                return
            try:
                # It may have been sent and removed between opening and locking.
                is_there = os.fstat(file.fileno()).st_nlink > 0
                yield _read(path, file.read()) if is_there else None
            finally:
                # Closing is not enough: a child forked meanwhile has a copy, and the lock would last with it.
                fcntl.flock(file, fcntl.LOCK_UN)

    def _paths(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if path.suffix[1:] in _SIGNALS]
        except OSError:
            return []


def _read(path: Path, body: bytes) -> Waiting:
    n_items = path.stem.rpartition("-")[2]
    return Waiting(_SIGNALS[path.suffix[1:]], int(n_items) if n_items.isdigit() else 0, body, path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # sent meanwhile
        return 0

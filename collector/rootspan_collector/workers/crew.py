"""One worker's place among all: which folder is its own, and what it shares.

WAL/ log of worker 0, and of a collector that has no other WAL/workers/1/ log of worker 1, and so on
WAL/workers/shared/ what lives as long as the workers: windows, quotas, sockets
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rootspan_collector.wal.recent import RecentRequests
from rootspan_collector.wal.window import Window
from rootspan_collector.workers.window import SharedWindow
from rootspan_store.ingest import Signal

__all__ = ["Crew"]

_NUMBER = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Crew:
    """Worker `number` of `total`, counted from 0; the default is one that is alone.

    Attributes:
        root: The collector's log folder.
    """

    root: Path
    number: int = 0
    total: int = 1

    @property
    def is_alone(self) -> bool:
        """Whether there are no others."""
        return self.total == 1

    @property
    def folder(self) -> Path:
        """This worker's own log folder."""
        return self.folder_of(self.number)

    def folder_of(self, number: int) -> Path:
        """The log folder of a worker."""
        return self.root / "workers" / str(number) if number else self.root

    @property
    def others(self) -> tuple[int, ...]:
        """The numbers of all other workers."""
        return tuple(number for number in range(self.total) if number != self.number)

    @property
    def shared(self) -> Path:
        """The folder of what all workers have together."""
        return self.root / "workers" / "shared"

    def make_shared(self) -> None:
        """Make that folder anew, empty. Only while no worker runs. Raises OSError."""
        shutil.rmtree(self.shared, ignore_errors=True)
        self.shared.mkdir(parents=True)

    def orphans(self) -> Iterator[int]:
        """Yield the numbers of logs that have no worker any more, to the first worker; others get none."""
        folder = self.root / "workers"
        if self.number or not folder.is_dir():
            return
        found = (int(path.name) for path in folder.iterdir() if _NUMBER.fullmatch(path.name))
        yield from sorted(number for number in found if number >= self.total)

    def window(self, lane: str, signal: Signal, *, window_s: float, most: int) -> Window:
        """Make the memory of requests of one signal to one store (`lane`: the region's, or empty)."""
        if self.is_alone or window_s == 0:
            return RecentRequests(window_s=window_s, most=most)
        path = self.shared / f"window-{signal.value}-{lane or 'home'}"
        return SharedWindow(path, self.number, window_s=window_s, most=most)

"""Remembers how a rejected segment was taken apart, so that taking it apart twice stores nothing twice.

One small journal beside the segment, a JSON line per decision, synced before the decision is acted on. A
range that was split is never sent whole again (its parts may be stored already, under tokens of their own),
whatever the store says after a restart. Requests that this program itself finds malformed are left out first,
all at once; ranges then count what remains.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rootspan_collector.wal.disk import PosixDisk

__all__ = ["Fate", "HalvingJournal", "Range"]

_LOG = logging.getLogger(__name__)
_SUFFIX = ".halving"


class Fate(StrEnum):
    """What became of a range of records."""

    SPLIT = "split"
    STORED = "stored"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Range:
    """Records [first, end) of a segment, by index."""

    first: int
    end: int

    @property
    def is_single(self) -> bool:
        """Whether it cannot be halved any more."""
        return self.end - self.first == 1

    def halves(self) -> tuple[Range, Range]:
        """Split in the middle; the same for the same range, always."""
        middle = (self.first + self.end) // 2
        return Range(self.first, middle), Range(middle, self.end)


class HalvingJournal:
    """The decisions on one segment. Empty, and without a file, until the first split."""

    def __init__(self, segment_path: Path) -> None:
        """Read what a previous process decided. Raises OSError."""
        self.path = segment_path.with_suffix(_SUFFIX)
        self._fates: dict[Range, Fate] = {}
        self.left_out: frozenset[int] = frozenset()
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                _LOG.warning("%s: a torn last line; that decision was not acted on", self.path)
                os.truncate(self.path, self.path.stat().st_size - len(line))
                break
            fields = json.loads(line)
            if "left_out" in fields:
                self.left_out = frozenset(fields["left_out"])
                continue
            self._fates[Range(fields["first"], fields["end"])] = Fate(fields["fate"])

    def fate(self, part: Range) -> Fate | None:
        """Return the decision on exactly this range, if there is one."""
        return self._fates.get(part)

    def decide(self, part: Range, fate: Fate) -> None:
        """Record a decision; returns only after fsync. Raises OSError."""
        self._write({"first": part.first, "end": part.end, "fate": fate.value})
        self._fates[part] = fate

    def leave_out(self, indexes: Iterable[int]) -> None:
        """Record which requests are malformed, by their place in the segment; at most once, and first.

        Returns only after fsync. Raises OSError.
        """
        left_out = frozenset(indexes)
        self._write({"left_out": sorted(left_out)})
        self.left_out = left_out

    def _write(self, fields: Mapping[str, object]) -> None:
        is_new = self.is_empty
        line = json.dumps(fields).encode() + b"\n"
        fd = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            os.write(fd, line)
            os.fsync(fd)
        finally:
            os.close(fd)
        if is_new:
            PosixDisk().sync_folder(self.path.parent)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was decided: the segment was never taken apart."""
        return not self._fates and not self.left_out

    @staticmethod
    def forget(segment_path: Path) -> None:
        """Remove a settled segment's journal, if it has one.

        A leftover is harmless: tokens are never used again.
        """
        segment_path.with_suffix(_SUFFIX).unlink(missing_ok=True)

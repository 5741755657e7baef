"""Sealed segments between the log and the store: which comes next, and which are dealt with out of turn.

A log's progress is one number: all segments up to it are gone. So what is delivered before its turn is
remembered here, in memory, until those before it are through. A crash forgets it; it is delivered again then,
and the store recognises it by its token. Not thread-safe; pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from rootspan_collector.wal.segment import Segment

__all__ = ["Dealt", "SealedSegments"]


@dataclass(frozen=True, slots=True)
class Dealt:
    """What became of a segment: items stored and set aside, and the digests of its requests."""

    segment: Segment
    stored: int
    quarantined: int
    digests: bytes


class SealedSegments:
    """In order of their numbers.

    Args:
        found: Oldest first.
    """

    def __init__(self, found: Iterable[Segment]) -> None:
        self._waiting: deque[Segment] = deque(found)
        self._early: dict[int, Dealt] = {}

    @property
    def oldest(self) -> Segment | None:
        """The one whose turn it is; None if there is none."""
        return self._waiting[0] if self._waiting else None

    def add(self, segment: Segment) -> None:
        """Add one that is newer than all others."""
        self._waiting.append(segment)

    def pick(self, *, newest: bool) -> Segment | None:
        """Return the newest or the oldest one that is not dealt with; None if there is none.

        If all are dealt with, and the oldest could not be dropped, that one: it is to be tried again.
        """
        order = reversed(self._waiting) if newest else iter(self._waiting)
        return next((one for one in order if one.header.seq not in self._early), self.oldest)

    def put_by(self, dealt: Dealt) -> bool:
        """Remember what became of one; return whether that is news.

        Raises:
            ValueError: It is gone, or was never here.
        """
        seq = dealt.segment.header.seq
        if not any(one.header.seq == seq for one in self._waiting):
            raise ValueError(f"segment {seq} of {dealt.segment.header.signal} is not waiting")
        is_news = seq not in self._early
        self._early[seq] = dealt
        return is_news

    def in_turn(self) -> Dealt | None:
        """What became of the oldest; None if it is not dealt with, or there is none."""
        return self._early.get(self._waiting[0].header.seq) if self._waiting else None

    def drop_oldest(self) -> None:
        """Forget the oldest."""
        self._early.pop(self._waiting.popleft().header.seq, None)

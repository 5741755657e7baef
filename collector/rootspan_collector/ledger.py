"""Counts items of one signal: accepted = stored + pending + quarantined. Knows nothing of files or wires."""

from __future__ import annotations

import threading
from dataclasses import dataclass

__all__ = ["Counts", "Ledger"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Items since the log folder was made (spans, log records or metric data points).

    Attributes:
        accepted: Acknowledged to senders.
        stored: Taken by the store.
        pending: In the log, not yet in the store.
        quarantined: Set aside with a reason: the store rejected them, or the disk damaged them.
        refused: Turned away with a status that tells the sender; never part of `accepted`.
        repeated: Sent again by senders that had missed the first answer, and acknowledged again; the first
            copy alone is part of `accepted`.
    """

    accepted: int = 0
    stored: int = 0
    pending: int = 0
    quarantined: int = 0
    refused: int = 0
    repeated: int = 0


class Ledger:
    """The running counts. Thread-safe; each change keeps the balance."""

    def __init__(self, counts: Counts) -> None:
        self._lock = threading.Lock()
        self._accepted = counts.accepted
        self._stored = counts.stored
        self._pending = counts.pending
        self._quarantined = counts.quarantined
        self._refused = counts.refused
        self._repeated = counts.repeated

    def accept(self, items: int) -> None:
        """Count items that were just made durable."""
        with self._lock:
            self._accepted += items
            self._pending += items

    def settle(self, *, stored: int, quarantined: int) -> Counts:
        """Move items out of pending; return the counts after it."""
        with self._lock:
            self._pending -= stored + quarantined
            self._stored += stored
            self._quarantined += quarantined
        return self.counts()

    def refuse(self, items: int) -> None:
        """Count items that were turned away."""
        with self._lock:
            self._refused += items

    def repeat(self, items: int) -> None:
        """Count items that were acknowledged before."""
        with self._lock:
            self._repeated += items

    def counts(self) -> Counts:
        """Return one consistent set of counts."""
        with self._lock:
            return Counts(
                self._accepted,
                self._stored,
                self._pending,
                self._quarantined,
                self._refused,
                self._repeated,
            )

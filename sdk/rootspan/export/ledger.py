"""Counts what was handed to us, what a collector acknowledged and what was lost, and why.

Owns the numbers and the sentence they make. Every item handed over ends in `sent`, `dropped` or `spooled`,
once.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Signal(StrEnum):
    """The three kinds of telemetry; the value is what a person reads."""

    SPANS = "spans"
    LOGS = "log records"
    METRICS = "metric points"


class Loss(StrEnum):
    """Why an item was lost; the value is what a person reads."""

    QUEUE_FULL = "queue full"
    UNREACHABLE = "collector unreachable"
    REFUSED = "refused by the collector"
    EXIT_DEADLINE = "exit deadline"
    AFTER_SHUTDOWN = "made after shutdown"
    UNREADABLE = "could not be encoded"
    FORKED = "forked without gRPC fork support"
    SPOOL_FULL = "disk spool full"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the telemetry of this process so far. What is in neither mapping still waits.

    Attributes:
        sent: Items that a collector acknowledged, by signal.
        dropped: Items lost, by signal and reason.
        last_error: What the collector or the network said last, or "".
        spooled: Items put on disk for the next start, or until the collector is back.
        recovered: Items from the disk, of this process or an earlier one, that a collector acknowledged.
    """

    sent: Mapping[str, int]
    dropped: Mapping[tuple[str, str], int]
    last_error: str = ""
    spooled: Mapping[str, int] = field(default_factory=dict)
    recovered: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_dropped(self) -> int:
        """Items lost for any reason."""
        return sum(self.dropped.values())

    def sentence(self) -> str:
        """One line: losses by signal and reason, then what did arrive."""
        lost = ", ".join(f"{n} {signal} ({reason})" for (signal, reason), n in sorted(self.dropped.items()))
        why = f"; last error: {self.last_error}" if self.last_error else ""
        kept = f"; spooled {_by_signal(self.spooled)}" if self.spooled else ""
        back = f"; recovered {_by_signal(self.recovered)}" if self.recovered else ""
        return f"dropped {lost or 'nothing'}; delivered {_by_signal(self.sent)}{kept}{back}{why}"


def _by_signal(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {signal}" for signal, n in sorted(counts.items())) or "nothing"


@dataclass(slots=True)
class Ledger:
    """Thread-safe counters. Fork-safe by `after_fork_in_child`: a child answers for its own items only."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sent: Counter[str] = field(default_factory=Counter)
    _dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    _spooled: Counter[str] = field(default_factory=Counter)
    _recovered: Counter[str] = field(default_factory=Counter)
    _last_error: str = ""
    _closed: bool = False

    def sent(self, signal: Signal, n: int) -> None:
        """A collector acknowledged n items."""
        with self._lock:
            if n > 0 and not self._closed:
                self._sent[signal.value] += n

    def spooled(self, signal: Signal, n: int) -> None:
        """N items are on disk."""
        with self._lock:
            if n > 0 and not self._closed:
                self._spooled[signal.value] += n

    def recovered(self, signal: Signal, n: int) -> None:
        """A collector acknowledged n items that came from the disk."""
        with self._lock:
            if n > 0 and not self._closed:
                self._recovered[signal.value] += n

    def dropped(self, signal: Signal, reason: Loss, n: int = 1) -> None:
        """N items are lost."""
        with self._lock:
            if n > 0 and not self._closed:
                self._dropped[signal.value, reason.value] += n

    def failed(self, error: str) -> None:
        """A delivery attempt failed with this."""
        self._last_error = error

    def n_dropped(self, signal: Signal) -> int:
        """Items of one signal that were lost so far."""
        with self._lock:
            return sum(n for (name, _), n in self._dropped.items() if name == signal.value)

    def read(self) -> Delivery:
        """A consistent copy of the counters."""
        with self._lock:
            return Delivery(
                dict(self._sent),
                dict(self._dropped),
                self._last_error,
                dict(self._spooled),
                dict(self._recovered),
            )

    def close(self) -> Delivery:
        """The final account; what is said later is not counted."""
        with self._lock:
            self._closed = True
        return self.read()

    def after_fork_in_child(self) -> None:
        """Start from zero with a lock that no vanished thread can hold."""
        self._lock = threading.Lock()
        self._sent, self._dropped, self._last_error = Counter(), Counter(), ""
        self._spooled, self._recovered = Counter(), Counter()

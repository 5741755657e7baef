"""Counts what was turned away, by sender and reason. Bounded: after so many senders the rest are one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

__all__ = ["Refusals", "Refused", "RefusedFor"]

_MOST_KEYS = 1000
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class RefusedFor:
    """Whose requests, and why."""

    sender: str
    reason: str


@dataclass(slots=True)
class Refused:
    """What was turned away for one reason.

    Attributes:
        requests, items: Since the start; items as far as they could be counted.
        last_error: What the sender was told last.
        last_unix_s: When.
    """

    requests: int = 0
    items: int = 0
    last_error: str = ""
    last_unix_s: float = 0.0


class Refusals:
    """Requests and items since the start. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[RefusedFor, Refused] = {}

    def count(self, sender: str, reason: str, items: int, error: str) -> None:
        """Count one request. `items` is 0 where they cannot be counted; `error`: what the sender is told."""
        key = RefusedFor(sender, reason)
        with self._lock:
            if key not in self._found and len(self._found) >= _MOST_KEYS:
                key = RefusedFor(_OTHERS, reason)
            one = self._found.setdefault(key, Refused())
            one.requests += 1
            one.items += items
            one.last_error, one.last_unix_s = error, time.time()

    def snapshot(self) -> dict[RefusedFor, Refused]:
        """Copies, by whose and why."""
        with self._lock:
            return {
                key: Refused(one.requests, one.items, one.last_error, one.last_unix_s)
                for key, one in self._found.items()
            }

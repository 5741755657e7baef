"""Counts what was turned away, by sender and reason. Bounded: after so many senders the rest are one."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

__all__ = ["Refusals", "RefusedFor"]

_MOST_KEYS = 1000
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class RefusedFor:
    """Whose requests, and why."""

    sender: str
    reason: str


class Refusals:
    """Requests and items since the start. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[RefusedFor] = Counter()
        self._items: Counter[RefusedFor] = Counter()

    def count(self, sender: str, reason: str, items: int) -> None:
        """Count one request. `items` is 0 where they cannot be counted."""
        key = RefusedFor(sender, reason)
        with self._lock:
            if key not in self._requests and len(self._requests) >= _MOST_KEYS:
                key = RefusedFor(_OTHERS, reason)
            self._requests[key] += 1
            self._items[key] += items

    def snapshot(self) -> dict[RefusedFor, tuple[int, int]]:
        """Requests and items by whose and why."""
        with self._lock:
            return {key: (requests, self._items[key]) for key, requests in self._requests.items()}

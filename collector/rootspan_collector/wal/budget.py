"""How many bytes all logs of a folder may hold together. Refuses beyond that; never blocks."""

from __future__ import annotations

import threading

from rootspan_collector.errors import LogFull

__all__ = ["ByteBudget"]

# Full is told to health checks from here on, so that balancers turn away before senders are refused.
_HIGH_WATER_RATIO = 0.95


class ByteBudget:
    """Counts reserved bytes against a limit. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """Bytes reserved now."""
        return self._used_bytes

    @property
    def used_ratio(self) -> float:
        """Share of the limit that is reserved now, 0-1 (above 1 if more was found at the start)."""
        return self._used_bytes / self.limit_bytes

    @property
    def is_above_high_water(self) -> bool:
        """Whether less than 5 % of the limit is left."""
        return self.used_ratio > _HIGH_WATER_RATIO

    def reserve(self, size_bytes: int) -> None:
        """Take bytes. Raises LogFull, with nothing taken, when they would exceed the limit."""
        with self._lock:
            if self._used_bytes + size_bytes > self.limit_bytes:
                raise LogFull(self._used_bytes, self.limit_bytes)
            self._used_bytes += size_bytes

    def adopt(self, size_bytes: int) -> None:
        """Count bytes that exist already (found at start), whatever the limit."""
        with self._lock:
            self._used_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._used_bytes -= size_bytes

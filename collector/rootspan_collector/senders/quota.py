"""How much one tenant may send: a token bucket of bytes and one of items. Never blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rootspan_collector.errors import QuotaExceeded

__all__ = ["Quota"]

# A client's batches come in bursts: a tenth of a minute's share may come at once.
_BURST_S = 6.0


class _Bucket:
    """Fills at `rate` a second, up to six seconds' worth. A request larger than that drains it into debt."""

    def __init__(self, rate: float, now_s: float) -> None:
        self.rate = rate
        self.level = rate * _BURST_S
        self.filled_s = now_s

    def fill(self, now_s: float) -> None:
        self.level = min(self.rate * _BURST_S, self.level + (now_s - self.filled_s) * self.rate)
        self.filled_s = now_s

    @property
    def wait_s(self) -> float:
        """Until something may be taken again."""
        return max(0.0, -self.level / self.rate)


class Quota:
    """The limits of one tenant, all signals together. Thread-safe.

    Args:
        bytes_per_s: None: no limit.
        items_per_s: Spans, log records and data points; None: no limit.
    """

    def __init__(
        self,
        *,
        bytes_per_s: float | None = None,
        items_per_s: float | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        now = now_s()
        self._bytes = _Bucket(bytes_per_s, now) if bytes_per_s else None
        self._items = _Bucket(items_per_s, now) if items_per_s else None

    def take(self, size_bytes: int, items: int) -> None:
        """Take one request's share.

        Raises:
            QuotaExceeded: What was taken before is not earned yet; nothing was taken.
        """
        wanted = [
            (bucket, amount, unit)
            for bucket, amount, unit in ((self._bytes, size_bytes, "bytes"), (self._items, items, "items"))
            if bucket is not None
        ]
        with self._lock:
            now_s = self._now_s()
            for bucket, _, unit in wanted:
                bucket.fill(now_s)
                if bucket.level < 0:
                    raise QuotaExceeded(f"{bucket.rate:g} {unit} a second", max(0.05, bucket.wait_s))
            for bucket, amount, _ in wanted:
                bucket.level -= amount

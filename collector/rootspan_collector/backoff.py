"""How long to wait before the next try.

Exponential, with full jitter, capped. Pure but for the given randomness.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of attempt 0, 1, 2…: uniform in [half, whole] of `first_s · 2^attempt`, at most `max_s`."""

    first_s: float = 0.1
    max_s: float = 5.0

    def delay_s(self, attempt: int, rng: random.Random) -> float:
        """Return seconds to wait after failed attempt number `attempt` (0-based)."""
        whole = min(self.max_s, self.first_s * 2.0 ** min(attempt, 30))
        return whole * (0.5 + rng.random() / 2)

"""A clock that only moves when it is read or told to."""

from __future__ import annotations


class FixedClock:
    """Starts at 2026-01-01 00:00 UTC and moves on by `step_ns` with each reading.

    Attributes:
        now_ns: Nanoseconds since the epoch that the next reading returns.
        step_ns: How far a reading moves it.
    """

    START_NS = 1_767_225_600_000_000_000

    def __init__(self, now_ns: int = START_NS, step_ns: int = 1_000_000) -> None:
        self.now_ns, self.step_ns = now_ns, step_ns

    def __call__(self) -> int:
        """Read it."""
        now_ns = self.now_ns
        self.now_ns += self.step_ns
        return now_ns

    def advance(self, duration_ns: int) -> None:
        """Let time pass."""
        self.now_ns += duration_ns

"""What all kinds of evidence share about one question: time, baseline, places, a request's usual duration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.contrast import MIN_BUCKETS, Interval, call_noise
from rootspan_analysis.reader import Floats
from rootspan_analysis.window import Timeline

__all__ = ["Place", "Scene"]

QUIET_WINDOWS: Final = 16
"""Enough to read a law of maxima from; more would overlap too much."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is; empty strings where nobody said."""

    region: str = ""
    zone: str = ""
    rack: str = ""
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Context of one question.

    Attributes:
        base: Mask of the buckets that count as normal.
        search: Where an incident may lie.
        incident: Where it lies, as far as that is known: the window, or its part from the onset on.
        settled: Whether the baseline is known to be that; otherwise no onset is known yet.
        has_history: Whether the baseline is history; otherwise it is what of the window is before the onset.
        root_ms: Median duration of a request in the baseline.
        places: By host.
        first_seen_ns: By (service, version), within the look-back.
    """

    timeline: Timeline
    base: np.ndarray
    search: Interval
    incident: Interval
    settled: bool
    has_history: bool
    root_ms: float
    places: Mapping[str, Place]
    first_seen_ns: Mapping[tuple[str, str], int]

    @property
    def quiet(self) -> np.ndarray | None:
        """Mask of buckets known to be without the fault; None where the baseline was guessed."""
        return self.base if self.has_history else None

    def noise(self, excess: Floats, count: Floats) -> Floats:
        """Standard deviation of one call's excess, by row."""
        return call_noise(excess, count, self.quiet)

    def quiet_windows(self, of: Interval | None = None) -> list[Interval]:
        """Spans of time spread over the baseline, as long as `of` (the search), to see what chance does.

        None if the baseline is short, or not known yet.
        """
        if not self.settled:
            return []
        last = int(np.flatnonzero(self.base)[-1]) + 1 if self.base.any() else 0
        wanted = of or self.search
        length = min(wanted.stop - wanted.start, last // 3)
        if length < (2 * MIN_BUCKETS if of is None else 1):
            return []
        first = length + 2 * MIN_BUCKETS
        stops = np.unique(np.linspace(first, last, QUIET_WINDOWS).astype(int)) if last > first else [last]
        return [Interval(int(stop) - length, int(stop)) for stop in stops]

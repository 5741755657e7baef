"""What all kinds of evidence share about one question: time, baseline, places, a request's usual duration."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rootspan_analysis.contrast import MIN_BUCKETS, Interval, call_noise
from rootspan_analysis.reader import Floats
from rootspan_analysis.window import Timeline

__all__ = ["Place", "Scene"]


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

    def quiet_windows(self) -> list[Interval]:
        """Overlapping spans of time within the baseline, to see what chance does. None if that is short,
        or not known yet."""
        if not self.settled:
            return []
        last = int(np.flatnonzero(self.base)[-1]) + 1 if self.base.any() else 0
        length = min(self.search.stop - self.search.start, last // 3)
        if length < 2 * MIN_BUCKETS:
            return []
        step = max(1, length // 4)
        return [Interval(stop - length, stop) for stop in range(last, length + 2 * MIN_BUCKETS - 1, -step)]

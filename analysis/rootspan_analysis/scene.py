"""What all kinds of evidence share about one question: time, baseline, places, and what a request usually takes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rootspan_analysis.contrast import Interval
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
        root_ms: Median duration of a request in the baseline.
        places: By host.
        first_seen_ns: By (service, version), within the look-back.
    """

    timeline: Timeline
    base: np.ndarray
    search: Interval
    root_ms: float
    places: Mapping[str, Place]
    first_seen_ns: Mapping[tuple[str, str], int]

    def seconds(self, interval: Interval) -> float:
        """Length of an interval."""
        return (interval.stop - interval.start) * float(self.timeline.bucket_s)

    def quiet_windows(self, length: int) -> list[Interval]:
        """Earlier spans of time as long as the search, within the baseline, to see what chance does."""
        last = int(np.flatnonzero(self.base)[-1]) + 1 if self.base.any() else 0
        length = min(length, last // 2)
        if length < 6:
            return []
        step = max(1, length // 3)
        return [Interval(stop - length, stop) for stop in range(last, 2 * length - 1, -step)]

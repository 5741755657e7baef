"""How often things occur in calls, against their own past: shares, blocks of history, deviations.

Pure statistics of log templates and called operations alike; knows nothing of what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.contrast import Interval
from rootspan_analysis.finding import SignalName
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["MIN_PAST_CALLS", "Past", "Things", "deviation", "sums"]

MIN_CALLS: Final = 5.0
"""Calls of the operation in the incident; fewer say nothing of what a call does."""
MIN_PAST_CALLS: Final = 20.0
MIN_BLOCKS: Final = 6
KEPT: Final = 0.75
"""Of a thing's history, that counts as usual; as much as a quarter may be earlier incidents."""
LATE_BLOCKS: Final = 2
"""Stretches of the history, each as long as the incident, that may belong to it."""
RECURS: Final = 0.7
"""What went at least so far before is nothing new."""


@dataclass(frozen=True, slots=True)
class Things:
    """What may occur in a call, and how often it did. Matrices are (things, buckets).

    Attributes:
        seen: Calls in which it occurs; records, where `counted`.
        calls: Calls of the operation while the thing could be seen.
        counted: Whether occurrences are counted rather than calls, of which one may have several.
    """

    signal: SignalName
    service: list[str]
    operation: list[str]
    severity: list[str]
    words: list[Mapping[str, str]]
    seen: Floats
    calls: Floats
    counted: np.ndarray


@dataclass(frozen=True, slots=True)
class Past:
    """What the history says of each thing.

    Attributes:
        usual: In how many of how many calls it occurs; blocks that are unlike most are left out, since they
            may hold earlier incidents.
        blocks: Deviation of each block of the history, as long as the incident, (things, blocks).
        scatter: How much more blocks scatter than chance, by thing; at least 1.
    """

    usual: tuple[Floats, Floats]
    blocks: Floats
    scatter: Floats

    @staticmethod
    def of(things: Things, scene: Scene) -> "Past":
        """Cut the baseline into blocks and take each thing's usual share from most of them."""
        places = np.flatnonzero(scene.base)
        length = max(1, min(scene.incident.stop - scene.incident.start, len(places) // MIN_BLOCKS))
        starts = np.arange(0, len(places) - length + 1, length) if len(places) >= length else np.arange(0)
        size = len(things.service)
        if not len(starts) or not size:
            none = np.zeros(size)
            return Past((none, none), np.zeros((size, 0)), np.ones(size))
        seen = np.add.reduceat(things.seen[:, places], starts, axis=1)
        calls = np.add.reduceat(things.calls[:, places], starts, axis=1)
        kept = _alike(seen, calls)
        usual = (seen * kept).sum(axis=1), (calls * kept).sum(axis=1)
        blocks = np.stack(
            [
                deviation(things.counted, (seen[:, k], calls[:, k]), usual, least=1.0)
                for k in range(seen.shape[1])
            ],
            axis=1,
        )
        scatter = np.maximum(1.0, np.quantile(np.abs(blocks), 0.75, axis=1) / 1.15)
        return Past(usual, blocks, scatter)

    def recurrence(self, z: Floats) -> Floats:
        """Share of the history's blocks in which each thing went as far, and as far again: 0-1."""
        if not self.blocks.shape[1]:
            return np.zeros(len(z))
        far = self.blocks / self.scatter[:, None] * np.sign(z)[:, None] >= RECURS * np.abs(z)[:, None]
        # What goes on without a break up to the incident is the incident, asked about late.
        running = np.ones(len(far), dtype=np.bool_)
        for block in range(far.shape[1] - 1, max(far.shape[1] - 1 - LATE_BLOCKS, -1), -1):
            running = running & far[:, block]
            far[running, block] = False
        return np.asarray(np.minimum(1.0, 2 * far.mean(axis=1)), dtype=np.float64)


def _alike(seen: Floats, calls: Floats) -> Floats:
    """Mask of the blocks with `KEPT` of a thing's calls whose shares are nearest to its median share."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(calls > 0, seen / calls, np.nan)
    order = np.argsort(share, axis=1)
    of = np.take_along_axis(calls, order, axis=1).cumsum(axis=1)
    half = np.argmax(of >= of[:, -1:] / 2, axis=1)
    middle = np.take_along_axis(share, np.take_along_axis(order, half[:, None], axis=1), axis=1)
    far = np.where(calls > 0, np.abs(share - np.nan_to_num(middle)), np.inf)
    order = np.argsort(far, axis=1, kind="stable")
    of = np.take_along_axis(calls, order, axis=1).cumsum(axis=1)
    last = np.argmax(of >= KEPT * of[:, -1:], axis=1)
    bound = np.take_along_axis(far, np.take_along_axis(order, last[:, None], axis=1), axis=1)
    return np.asarray(far <= bound + 1e-9, dtype=np.float64)


def sums(things: Things, interval: Interval) -> tuple[Floats, Floats]:
    """Occurrences and calls of each thing within an interval."""
    mask = _mask(interval, things.seen.shape[1])
    return things.seen[:, mask].sum(axis=1), things.calls[:, mask].sum(axis=1)


def deviation(
    counted: np.ndarray, now: tuple[Floats, Floats], past: tuple[Floats, Floats], least: float = MIN_CALLS
) -> Floats:
    """Signed root of twice the log likelihood ratio of two shares, or of two rates; 0 with too few calls."""
    seen, calls = now
    usual, before = past
    seen = np.where(counted, seen, np.minimum(seen, calls))
    usual = np.where(counted, usual, np.minimum(usual, before))
    both = calls + before
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (seen + usual) / both
        ratio = _entropy(seen, calls * share) + _entropy(usual, before * share)
        rest = _entropy(calls - seen, calls * (1 - share)) + _entropy(before - usual, before * (1 - share))
        sign = np.sign(seen / calls - usual / before)
    ratio = np.where(counted, ratio, ratio + rest)
    enough = (calls >= least) & (before >= MIN_PAST_CALLS)
    return np.where(enough, np.nan_to_num(sign) * np.sqrt(np.maximum(2 * np.nan_to_num(ratio), 0.0)), 0.0)


def _entropy(seen: Floats, expected: Floats) -> Floats:
    return np.where(seen > 0, seen * np.log(np.maximum(seen, 1e-12) / np.maximum(expected, 1e-12)), 0.0)


def _mask(interval: Interval, size: int) -> np.ndarray:
    found = np.zeros(size, dtype=np.bool_)
    found[interval.start : interval.stop] = True
    return found

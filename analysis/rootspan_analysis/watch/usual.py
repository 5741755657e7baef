"""What is usual for a series: robust limits out of its own history.

Pure. History is cut into blocks with enough requests for the quantile; medians over blocks hold though some
of them were bad.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.watch.cells import Cell, merged
from rootspan_analysis.watch.objectives import Kind

__all__ = ["Usual", "usual_of"]

MIN_BLOCKS: Final = 3
MIN_MINUTES: Final = 5
MIN_BLOCK_EVENTS: Final = 40
EVENTS_BEYOND_QUANTILE: Final = 4
"""A block has so many requests beyond its quantile, or the quantile is one request's luck."""
SPREADS: Final = 5.0
"""A limit lies this many (robust) standard deviations of the blocks above the usual."""
MAD_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual of one objective.

    Attributes:
        value: Seconds, a share, or steps a second.
        limit: From where on it is a breach, if nobody set another one.
        share: Requests above the limit in history, 0-1; of an error rate, the usual rate.
        per_s: Requests (or steps) a second.
        mean_s: Mean duration.
    """

    value: float
    limit: float
    share: float
    per_s: float
    mean_s: float


def usual_of(history: Mapping[int, Cell], kind: Kind, *, limit: float | None = None) -> Usual | None:
    """Learn from minutes.

    Args:
        history: Cells by minute (unix seconds).
        limit: That a person set; the usual is then learnt around it.

    Returns:
        None where history is too short or too thin.
    """
    minutes = sorted(history)
    if len(minutes) < MIN_MINUTES:
        return None
    whole = merged(history.values())
    beyond = 1 - kind.quantile if kind.quantile is not None else 1.0
    needed = max(MIN_BLOCK_EVENTS, EVENTS_BEYOND_QUANTILE / beyond)
    blocks: list[Cell] = []
    lengths: list[int] = []
    held: list[Cell] = []
    for minute in minutes:
        held.append(history[minute])
        if sum(one.n for one in held) >= needed:
            blocks.append(merged(held))
            lengths.append(len(held))
            held = []
    if len(blocks) < MIN_BLOCKS:
        return None
    per_s = float(np.median([one.n / (60 * length) for one, length in zip(blocks, lengths, strict=True)]))
    mean_s = float(np.median([one.total_s / one.n for one in blocks]))
    if kind.unit == "steps/s":
        rates = np.array([one.n / (60 * length) for one, length in zip(blocks, lengths, strict=True)])
        value, spread = _middle(rates)
        found = limit if limit is not None else min(kind.effect * value, value - SPREADS * spread)
        return Usual(value, max(found, 0.0), 0.0, per_s, mean_s)
    if kind.quantile is None:
        value, spread = _middle(np.array([one.errors / one.n for one in blocks]))
        found = max(kind.effect * value, value + kind.least, value + SPREADS * spread)
        return Usual(value, limit if limit is not None else found, value, per_s, mean_s)
    value, spread = _middle(np.array([one.quantile_s(kind.quantile) for one in blocks]))
    found = max(kind.effect * value, value + kind.least, value + SPREADS * spread)
    at = limit if limit is not None else found
    share = float(np.median([one.above(at) / one.n for one in blocks]))
    pooled = whole.above(at) / whole.n
    # The median of few blocks may be 0 where the pooled share is not; the larger is the safer.
    return Usual(value, at, max(share, min(pooled, beyond)), per_s, mean_s)


def _middle(values: np.ndarray) -> tuple[float, float]:
    """Median, and the median's absolute deviation as a standard deviation."""
    kept = values[~np.isnan(values)]
    if not len(kept):
        return math.nan, 0.0
    middle = float(np.median(kept))
    return middle, MAD_TO_SIGMA * float(np.median(np.abs(kept - middle)))

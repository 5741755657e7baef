"""Statistics of a contrast: expected values, shifts over an interval of time, and how unusual they are.

Pure numpy over matrices of (row, time bucket); knows nothing of dimensions, services or SQL.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.reader import Floats, Ints

__all__ = [
    "MIN_BUCKETS",
    "Interval",
    "Scan",
    "call_noise",
    "expected_rate",
    "gumbel_p",
    "interval_shift",
    "rate_noise",
    "scan",
]

MIN_BUCKETS: Final = 3
"""A shift that holds for fewer buckets in a row is a blip (root-cause.md: three windows in a row)."""
PRIOR_CALLS: Final = 5.0
"""Calls' worth of trust in what a cell's stratum does, against the cell's own history."""
SE_FLOOR: Final = 0.02
"""Smallest standard error of a log shift. Below two percent, hosts differ for reasons that no trace shows."""
_MAD_TO_SIGMA: Final = 1.4826
_EULER_GAMMA: Final = 0.5772156649
_MIN_P: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """Places [start, stop) of a timeline."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Scan:
    """The most unusual interval of each row: `z` of its shift, and where it is. Arrays by row."""

    z: Floats
    start: Ints
    stop: Ints


def expected_rate(amount: Floats, count: Floats, base: np.ndarray, strata: Ints) -> Floats:
    """What a call of each row is expected to amount to, from the buckets in `base`.

    A row leans on its stratum by `PRIOR_CALLS` calls, so that a row without history gets its stratum's mean.

    Args:
        amount, count: (rows, buckets); sums over calls, and calls.
        base: Mask of buckets.
        strata: Number of each row's stratum.

    Returns:
        By row; NaN where the stratum has no history either.
    """
    a, n = amount[:, base].sum(axis=1), count[:, base].sum(axis=1)
    size = int(strata.max(initial=-1)) + 1
    whole_n = np.bincount(strata, n, size)
    with np.errstate(invalid="ignore", divide="ignore"):
        stratum = (np.bincount(strata, a, size) / whole_n)[strata]
        own = (a + PRIOR_CALLS * stratum) / (n + PRIOR_CALLS)
    return np.where(whole_n[strata] > 0, own, np.nan)


def call_noise(excess: Floats, count: Floats) -> Floats:
    """Standard deviation of one call's excess that the scatter of neighbouring buckets implies, by row.

    First differences leave steps out; the median leaves the differences at a step's ends out.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, excess / count, np.nan)
        scale = np.sqrt(1 / count[:, 1:] + 1 / count[:, :-1])
        step = np.abs(np.diff(mean, axis=1)) / scale
    step[~np.isfinite(step)] = np.nan
    found = np.full(len(excess), np.nan)
    rows = np.isfinite(step).sum(axis=1) >= 3
    if rows.any():
        found[rows] = _MAD_TO_SIGMA * np.nanmedian(step[rows], axis=1)
    return found


def rate_noise(rate: Floats) -> Floats:
    """Standard deviation of one call's failure (0 or 1) at a failure rate, with a floor for rates near 0."""
    p = np.clip(rate, 1e-4, 0.5)
    return np.sqrt(p * (1 - p))


def scan(excess: Floats, count: Floats, noise: Floats, window: Interval, *, min_calls: float = 20) -> Scan:
    """Find for each row the interval of the window whose mean excess stands out most above what came before.

    Args:
        excess: (rows, buckets), sums of excess over calls; any constant per call may be off.
        count: Calls.
        noise: Standard deviation of one call's excess, by row.
        window: Where the interval may lie; it is at least `MIN_BUCKETS` long, and as much comes before it.
        min_calls: Support that an interval needs.

    Returns:
        z is 0 where no interval qualifies. Shifts are upwards only.
    """
    rows, buckets = excess.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(excess, axis=1)], axis=1)
    calls = np.concatenate([np.zeros((rows, 1)), np.cumsum(count, axis=1)], axis=1)
    best = np.zeros(rows)
    start, stop = np.full(rows, window.start), np.full(rows, window.stop)
    noise = np.where(np.isfinite(noise), noise, np.inf)
    for a in range(max(window.start, MIN_BUCKETS), min(window.stop, buckets) - MIN_BUCKETS + 1):
        stops = np.arange(a + MIN_BUCKETS, min(window.stop, buckets) + 1)
        n_in = calls[:, stops] - calls[:, [a]]
        # What has no past of its own (a new version) is held against its stratum, which is an excess of 0.
        n_out = np.maximum(calls[:, [a]], min_calls)
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = (sums[:, stops] - sums[:, [a]]) / n_in - sums[:, [a]] / n_out
            z = shift / np.sqrt(noise[:, None] ** 2 * (1 / n_in + 1 / n_out) + SE_FLOOR**2)
        z[~np.isfinite(z) | (n_in < min_calls)] = 0
        top = np.argmax(z, axis=1)
        value = z[np.arange(rows), top]
        better = (value > 0) & (value >= best)
        best[better], start[better], stop[better] = value[better], a, stops[top[better]]
    return Scan(best, start, stop)


def interval_shift(excess: Floats, count: Floats, interval: Interval) -> tuple[Floats, Floats]:
    """Mean excess of a call within an interval, and calls, by row; 0 where there are none."""
    part = slice(interval.start, interval.stop)
    n = count[:, part].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, excess[:, part].sum(axis=1) / n, 0.0), n


def gumbel_p(value: float, maxima: Floats) -> float:
    """How probable a maximum of at least `value` is, given maxima of quiet windows.

    Maxima of many similar things follow a Gumbel law (Fisher and Tippett 1928); its two parameters come from
    the moments, with the scatter no smaller than a tenth of the mean. Never below the law's own reach of what
    few windows can support: 1 / (1 + windows) for each factor of e beyond the largest seen.

    Returns:
        1 when there are fewer than three quiet windows.
    """
    if len(maxima) < 3:
        return 1.0
    mean = float(np.mean(maxima))
    scale = max(float(np.std(maxima)), 0.1 * abs(mean), 1e-6) * np.sqrt(6) / np.pi
    place = (value - (mean - _EULER_GAMMA * scale)) / scale
    return float(np.clip(-np.expm1(-np.exp(-place)), _MIN_P, 1.0))

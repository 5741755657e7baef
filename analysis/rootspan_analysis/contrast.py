"""Statistics of a contrast: expected values, shifts over an interval of time, and how unusual they are.

Pure numpy over matrices of (row, time bucket); knows nothing of dimensions, services or SQL.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.reader import Floats, Ints

__all__ = [
    "LOG_FLOOR",
    "MIN_BUCKETS",
    "RATE_FLOOR",
    "Interval",
    "Scan",
    "anscombe_z",
    "call_noise",
    "expected_rate",
    "gumbel_p",
    "interval_shift",
    "normal_p",
    "row_quantile",
    "scan",
    "scan_failures",
    "without_outliers",
]

MIN_BUCKETS: Final = 3
"""A shift that holds for fewer buckets in a row is a blip (root-cause.md: three windows in a row)."""
PRIOR_CALLS: Final = 5.0
"""Calls' worth of trust in what a cell's stratum does, against the cell's own history."""
FEWEST_CALLS: Final = 5.0
"""Fewer calls than this say nothing of a mean."""
LOG_FLOOR: Final = 0.02
"""Smallest standard error of a log shift. Below two percent, hosts differ for reasons that no trace shows."""
RATE_FLOOR: Final = 0.0002
"""Failure rates below this are taken for this: a service that never failed may fail once in a while."""
NEWCOMER: Final = 1.5
"""Floors are this much higher without a past of one's own: the stratum stands in for it."""
OUTLIER: Final = 3.0
"""Deviations beyond which a bucket of the past is taken for an incident rather than for its scatter."""
WIDE: Final = (0.75, 1.15)
"""A quantile of a normal law's absolute deviations, and how many standard deviations that is."""
_MAD_TO_SIGMA: Final = 1.4826
QUIETEST: Final = (0.1, 0.4)
"""Quantiles of windows' maxima from which chance is read. Where a fault comes again and again, or several do,
most of the history is not quiet; what remains is enough for a law of two parameters."""
MOST_SCATTER: Final = 0.5
"""Scatter of a normal law's maxima of half a dozen values; of more values it is the level's inverse."""
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


def without_outliers(amount: Floats, count: Floats, base: np.ndarray) -> Floats:
    """`amount` with the base's buckets brought to within `OUTLIER` deviations of their row's median mean.

    For means of logarithms: earlier incidents are no norm, and a median alone would waste few calls.
    """
    n = count[:, base]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, amount[:, base] / n, np.nan)
    known = (n > 0).sum(axis=1) >= MIN_BUCKETS
    if not known.any():
        return amount
    centre = row_quantile(mean[known], 0.5)[:, None]
    away = np.sqrt(n[known]) * np.abs(mean[known] - centre)
    away[n[known] == 0] = np.nan
    sigma = row_quantile(away, 0.75)[:, None] / 1.15
    bound = OUTLIER * np.maximum(sigma / np.sqrt(np.maximum(n[known], 1.0)), LOG_FLOOR)
    near = np.clip(np.nan_to_num(mean[known]), centre - bound, centre + bound)
    found = amount.copy()
    rows = np.flatnonzero(known)
    found[np.ix_(rows, np.flatnonzero(base))] = near * n[known]
    return found


def row_quantile(values: Floats, share: float) -> Floats:
    """Quantile of each row's known values, interpolated; NaN where a row has none.

    As numpy's `nanquantile` along rows, which goes through them one by one.
    """
    ordered = np.sort(values, axis=1)
    known = np.isfinite(values).sum(axis=1)
    place = share * np.maximum(known - 1, 0)
    low = place.astype(np.int64)
    rows = np.arange(len(values))
    below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, np.maximum(known - 1, 0))]
    return np.where(known > 0, below + (place - low) * (above - below), np.nan)


def call_noise(excess: Floats, count: Floats, quiet: np.ndarray | None = None) -> Floats:
    """Standard deviation of one call's excess that the scatter of buckets implies, by row.

    The median of neighbouring buckets' differences leaves a step out that may be in the data. Where a quiet
    past is known, its own standard deviation counts too, if larger: tails are no reason for an alarm.

    Args:
        quiet: Mask of buckets without a fault; None where that is not known.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, excess / count, np.nan)
        scale = np.sqrt(1 / count[:, 1:] + 1 / count[:, :-1])
        step = np.abs(np.diff(mean, axis=1)) / scale
    step[~np.isfinite(step)] = np.nan
    found = np.full(len(excess), np.nan)
    rows = np.isfinite(step).sum(axis=1) >= 3
    if rows.any():
        found[rows] = _MAD_TO_SIGMA * row_quantile(step[rows], 0.5)
    if quiet is not None and quiet.sum() >= 3:
        past, n = mean[:, quiet], count[:, quiet]
        known = (n > 0).any(axis=1)
        centre = np.zeros(len(excess))
        centre[known] = row_quantile(past[known], 0.5)
        away = np.where(n > 0, np.sqrt(n) * np.abs(past - centre[:, None]), np.nan)
        # Three quarters of the past, not all of it: the rest may hold earlier incidents.
        wide = np.full(len(excess), np.nan)
        wide[known] = row_quantile(away[known], WIDE[0]) / WIDE[1]
        found = np.fmax(found, wide)
    return found


def scan(
    excess: Floats,
    count: Floats,
    noise: Floats,
    window: Interval,
    *,
    min_calls: float = 20,
    floor: float = LOG_FLOOR,
) -> Scan:
    """Find for each row the interval of the window whose mean excess stands out most above what came before.

    Args:
        excess: (rows, buckets), sums of excess over calls; any constant per call may be off.
        count: Calls.
        noise: Standard deviation of one call's excess, by row.
        window: Where the interval may lie; it is at least `MIN_BUCKETS` long, and as much comes before it.
        min_calls: Support that an interval needs in full; with fewer calls its z shrinks with their root.
        floor: Smallest standard error of a mean, in the excess' unit.

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
        new = calls[:, [a]] < min_calls
        n_out = np.where(new, np.inf, calls[:, [a]])
        least = np.where(new, NEWCOMER * floor, floor)
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = (sums[:, stops] - sums[:, [a]]) / n_in - sums[:, [a]] / n_out
            z = shift / np.sqrt(noise[:, None] ** 2 * (1 / n_in + 1 / n_out) + least**2)
        # A few calls that are far slower are telling too, but each deviation of theirs counts for less.
        z = z * np.sqrt(np.minimum(1.0, n_in / min_calls))
        z[~np.isfinite(z) | (n_in < min(min_calls, FEWEST_CALLS))] = 0
        top = np.argmax(z, axis=1)
        value = z[np.arange(rows), top]
        better = (value > 0) & (value >= best)
        best[better], start[better], stop[better] = value[better], a, stops[top[better]]
    return Scan(best, start, stop)


def scan_failures(
    excess: Floats, count: Floats, rate: Floats, window: Interval, *, min_calls: float = 20
) -> Scan:
    """As `scan`, for calls that fail or not: how far the failures of an interval are above what is expected.

    Counts are compared on Anscombe's scale, on which a Poisson count has a variance of 1 whatever its mean
    (Anscombe 1948), so that one failure among few calls is not taken for much.

    Args:
        excess: Failures beyond `rate`, by (row, bucket).
        rate: Usual share of calls that fail, by row.
    """
    rows, buckets = excess.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(excess, axis=1)], axis=1)
    calls = np.concatenate([np.zeros((rows, 1)), np.cumsum(count, axis=1)], axis=1)
    best = np.zeros(rows)
    start, stop = np.full(rows, window.start), np.full(rows, window.stop)
    usual = np.maximum(rate, RATE_FLOOR)[:, None]
    for a in range(window.start, min(window.stop, buckets) - MIN_BUCKETS + 1):
        stops = np.arange(a + MIN_BUCKETS, min(window.stop, buckets) + 1)
        n_in = calls[:, stops] - calls[:, [a]]
        expected = n_in * usual
        seen = np.maximum(sums[:, stops] - sums[:, [a]] + expected, 0.0)
        z = anscombe_z(seen, expected)
        z[n_in < min_calls] = 0
        top = np.argmax(z, axis=1)
        value = z[np.arange(rows), top]
        better = (value > 0) & (value >= best)
        best[better], start[better], stop[better] = value[better], a, stops[top[better]]
    return Scan(best, start, stop)


def anscombe_z(seen: Floats, expected: Floats) -> Floats:
    """Difference of counts on a scale where a Poisson count has a variance of 1 (Anscombe 1948)."""
    return np.asarray(2 * (np.sqrt(seen + 0.375) - np.sqrt(expected + 0.375)))


def interval_shift(excess: Floats, count: Floats, interval: Interval) -> tuple[Floats, Floats]:
    """Mean excess of a call within an interval, and calls, by row; 0 where there are none."""
    part = slice(interval.start, interval.stop)
    n = count[:, part].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, excess[:, part].sum(axis=1) / n, 0.0), n


def gumbel_p(value: float, maxima: Floats, *, deviations: bool = False) -> float:
    """How probable a maximum of at least `value` is, given maxima of quiet windows.

    Maxima of many similar things follow a Gumbel law (Fisher and Tippett 1928). Its parameters come from two
    low quantiles, so that more than half of the windows may hold incidents of their own; the scatter is taken
    to be no smaller than a tenth of the level.

    Args:
        deviations: Whether the values are deviations of a normal law, whose maxima about a level scatter by
            the level's inverse: a few windows that happen to agree do not make chance any narrower.

    Returns:
        1 when there are fewer than three quiet windows.
    """
    if len(maxima) < 3:
        return 1.0
    low, level = (float(one) for one in np.quantile(maxima, QUIETEST))
    below, above = (float(np.log(-np.log(share))) for share in QUIETEST)
    least = min(MOST_SCATTER, 1 / level) if deviations and level > 0 else 1e-6
    scale = max((level - low) / (below - above), 0.1 * abs(level) * np.sqrt(6) / np.pi, least)
    place = (value - level) / scale - above
    return float(np.clip(-np.expm1(-np.exp(-place)), _MIN_P, 1.0))


def normal_p(z: float) -> float:
    """Two-sided tail of a normal law beyond `z`, never below 1e-9."""
    return max(_MIN_P, math.erfc(abs(z) / math.sqrt(2)))

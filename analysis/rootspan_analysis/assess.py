"""The one contrast behind several kinds of evidence: find who shifted, when, and how sure that is.

Pure numpy. Given excess over expectation by unit (a host, a pair of places, …) and time bucket, it scans every
group of units, takes the interval of the one that stands out most, and describes what shifted in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.contrast import Interval, Scan, gumbel_p, interval_shift, scan
from rootspan_analysis.hierarchy import Description, best_description, groups_of
from rootspan_analysis.reader import Floats, Strings
from rootspan_analysis.scene import Scene

__all__ = ["Hit", "Rule", "assess"]

MAX_HITS: Final = 4
"""Descriptions taken from one family: three causes are named, and one may be explained away."""
MAX_PLACEBOS: Final = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of one kind of evidence.

    Attributes:
        min_z: Below this a group is not looked at.
        min_shift: Smallest effect that counts, in the excess' unit.
        min_calls: Support.
        max_p: Largest p-value that counts, where there are quiet windows to tell.
    """

    min_z: float
    min_shift: float
    min_calls: float = 20
    max_p: float = 0.01


@dataclass(frozen=True, slots=True)
class Hit:
    """A description that shifted.

    Attributes:
        amount: Sum of the excess within the interval.
        calls: Calls within the interval.
    """

    description: Description
    interval: Interval
    z: float
    p_value: float
    amount: float
    calls: float


def assess(
    units: Mapping[str, Strings],
    dimensions: Sequence[tuple[str, ...]],
    excess: Floats,
    count: Floats,
    noise: Callable[[Floats, Floats], Floats],
    rule: Rule,
    scene: Scene,
) -> list[Hit]:
    """Find what shifted upwards within the scene's search.

    Args:
        units: Columns by dimension, one entry a unit.
        dimensions: Narrowest first; `("whole",)` stands for all units together.
        excess: (units, buckets), sums over calls of what is beyond expectation.
        count: Calls.
        noise: Standard deviation of one call's excess by row, of (excess, count).

    Returns:
        Strongest first; disjoint in what they explain. May be empty.
    """
    if not len(excess):
        return []
    masks, _ = groups_of(units, dimensions, len(excess))
    member = np.stack(masks).astype(np.float64)
    group_count = member @ count
    placebo: Floats | None = None
    hits: list[Hit] = []
    rest = excess.copy()
    while len(hits) < MAX_HITS:
        group_excess = member @ rest
        sigma = noise(group_excess, group_count)
        found = scan(group_excess, group_count, sigma, scene.search, min_calls=rule.min_calls)
        if found.z.max(initial=0.0) < rule.min_z:
            break
        if placebo is None:
            placebo = _placebo(group_excess, group_count, sigma, rule, scene)
        hit = _describe(units, dimensions, rest, count, found, noise, rule, scene, placebo)
        if hit is None:
            break
        hits.append(hit)
        inside = np.zeros_like(rest)
        inside[np.ix_(hit.description.members, np.arange(hit.interval.start, hit.interval.stop))] = 1
        mean = interval_shift(rest, count, hit.interval)[0]
        rest = rest - inside * count * mean[:, None]
    return hits


def _describe(
    units: Mapping[str, Strings],
    dimensions: Sequence[tuple[str, ...]],
    excess: Floats,
    count: Floats,
    found: Scan,
    noise: Callable[[Floats, Floats], Floats],
    rule: Rule,
    scene: Scene,
    placebo: Floats,
) -> Hit | None:
    """The description that fits best in the interval of the most unusual group, if it passes the rule."""
    for top in np.argsort(-found.z)[:3]:
        if found.z[top] < rule.min_z:
            return None
        interval = Interval(int(found.start[top]), int(found.stop[top]))
        inside, calls = interval_shift(excess, count, interval)
        before, _ = interval_shift(excess, count, Interval(0, interval.start))
        shift = np.where(calls > 0, inside - before, 0.0)
        best = best_description(units, dimensions, shift, calls)
        if best is None or best.shift < rule.min_shift:
            continue
        held = best.members.astype(np.float64)[None, :]
        part, of = held @ excess, held @ count
        again = scan(part, of, noise(part, of), scene.search, min_calls=rule.min_calls)
        z = float(again.z[0])
        if z < rule.min_z:
            continue
        p = gumbel_p(z, placebo)
        if len(placebo) >= 3 and p > rule.max_p:
            continue
        interval = Interval(int(again.start[0]), int(again.stop[0]))
        span = slice(interval.start, interval.stop)
        n = float(of[0, span].sum())
        base = float(part[0, : interval.start].sum() / max(of[0, : interval.start].sum(), 1.0))
        return Hit(best, interval, z, p, float(part[0, span].sum()) - base * n, n)
    return None


def _placebo(excess: Floats, count: Floats, sigma: Floats, rule: Rule, scene: Scene) -> Floats:
    """Largest z over all groups in each quiet window of the history."""
    length = scene.search.stop - scene.search.start
    quiet = scene.quiet_windows(length)[:MAX_PLACEBOS]
    return np.array(
        [float(scan(excess, count, sigma, one, min_calls=rule.min_calls).z.max(initial=0.0)) for one in quiet]
    )

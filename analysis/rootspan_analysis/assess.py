"""The one contrast behind several kinds of evidence: find who shifted, when, and how sure that is.

Pure numpy. Given excess over expectation by unit (a host, a pair of places, …) and time bucket, it
scans every group of units, takes the interval of the one that stands out most, and describes what shifted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.contrast import (
    LOG_FLOOR,
    Interval,
    Scan,
    gumbel_p,
    interval_shift,
    normal_p,
    scan,
    scan_failures,
)
from rootspan_analysis.hierarchy import INDIVIDUAL, Description, best_description, groups_of
from rootspan_analysis.reader import Floats, Strings
from rootspan_analysis.scene import Scene

__all__ = ["Family", "Hit", "Rule", "assess"]

MAX_HITS: Final = 4
"""Descriptions taken from one family: three causes are named, and one may be explained away."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of one kind of evidence.

    Attributes:
        min_z: Below this a group is not looked at.
        min_shift: Smallest effect that counts, in the excess' unit.
        floor: Smallest standard error of a mean, in the excess' unit.
        is_rate: Whether a call's excess is 0 or 1, so that it scatters by its own mean.
        min_calls: Support.
        max_p: Largest p-value that counts.
    """

    min_z: float
    min_shift: float
    floor: float = LOG_FLOOR
    is_rate: bool = False
    min_calls: float = 20
    max_p: float = 0.01

    def scan(self, excess: Floats, count: Floats, noise: Floats, window: Interval) -> Scan:
        """The most unusual interval of each row."""
        if self.is_rate:
            return scan_failures(excess, count, noise, window, min_calls=self.min_calls)
        return scan(excess, count, noise, window, min_calls=self.min_calls, floor=self.floor)

    def spread(self, mean: float) -> float:
        """Standard deviation of one call's excess that its mean implies, for a rate."""
        p = min(max(mean, 0.0), 0.5)
        return float(np.sqrt(p * (1 - p)))


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


@dataclass(frozen=True, slots=True)
class Family:
    """Units that are compared with each other, and how.

    Attributes:
        units: Columns by dimension, one entry a unit.
        dimensions: Narrowest first; `("whole",)` stands for all units together.
        noise: Standard deviation of one call's excess by row, of (excess, count); of a rate, the usual rate.
    """

    units: Mapping[str, Strings]
    dimensions: Sequence[tuple[str, ...]]
    noise: Callable[[Floats, Floats], Floats]
    rule: Rule
    scene: Scene

    def scan(self, excess: Floats, count: Floats, window: Interval, *, usual_noise: float) -> Scan:
        """The most unusual interval of each row.

        Args:
            usual_noise: Of one call's excess, for rows that were never called before: in the few buckets that
                they have, a scatter of their own cannot be told.
        """
        noise = self.noise(excess, count)
        never = ~count[:, self.scene.base].any(axis=1)
        noise = np.where(never & ~np.isfinite(noise), usual_noise, noise)
        return self.rule.scan(excess, count, noise, window)

    def usual_noise(self, excess: Floats, count: Floats) -> float:
        """The middle of all rows' standard deviations of one call's excess; infinite if none is known."""
        noise = self.noise(excess, count)
        known = noise[np.isfinite(noise)]
        return float(np.median(known)) if len(known) else np.inf


def assess(family: Family, excess: Floats, count: Floats) -> list[Hit]:
    """Find what shifted upwards within the scene's search.

    Args:
        excess: (units, buckets), sums over calls of what is beyond expectation.
        count: Calls.

    Returns:
        Strongest first; disjoint in what they explain. May be empty.
    """
    if not len(excess):
        return []
    groups = groups_of(family.units, family.dimensions, len(excess))
    group_count = groups.sums(count)
    usual_noise = family.usual_noise(groups.sums(excess), group_count)
    placebo: Floats | None = None
    hits: list[Hit] = []
    rest = excess.copy()
    while len(hits) < MAX_HITS:
        group_excess = groups.sums(rest)
        found = family.scan(group_excess, group_count, family.scene.search, usual_noise=usual_noise)
        if found.z.max(initial=0.0) < family.rule.min_z:
            break
        if placebo is None:
            placebo = _placebo(family, group_excess, group_count, usual_noise)
        hit = _describe(family, rest, count, found, hits, placebo=placebo, usual_noise=usual_noise)
        if hit is None:
            break
        hits.append(hit)
        inside = np.zeros_like(rest)
        inside[np.ix_(hit.description.members, np.arange(hit.interval.start, hit.interval.stop))] = 1
        mean = interval_shift(rest, count, hit.interval)[0]
        rest = rest - inside * count * mean[:, None]
    return hits


def _describe(
    family: Family,
    excess: Floats,
    count: Floats,
    found: Scan,
    told: Sequence[Hit],
    *,
    placebo: Floats,
    usual_noise: float,
) -> Hit | None:
    """The description that fits best in the interval of the most unusual group, if it passes the rule.

    Args:
        told: What was described before, and is no part of the excess any more.
    """
    rule, scene = family.rule, family.scene
    for top in np.argsort(-found.z)[:3]:
        if found.z[top] < rule.min_z:
            return None
        interval = Interval(int(found.start[top]), int(found.stop[top]))
        for best in _descriptions(family, excess, count, interval, told):
            if best.shift < rule.min_shift:
                continue
            held = best.members.astype(np.float64)[None, :]
            part, of = held @ excess, held @ count
            again = family.scan(part, of, scene.search, usual_noise=usual_noise)
            z = float(again.z[0])
            p = _p_value(z, placebo, scene)
            if z < rule.min_z or p > rule.max_p:
                continue
            interval = Interval(int(again.start[0]), int(again.stop[0]))
            mean, n = _shift(part, of, interval, scene)
            return Hit(best, interval, z, p, float(mean[0] * n[0]), float(n[0]))
    return None


def _descriptions(
    family: Family, excess: Floats, count: Floats, interval: Interval, told: Sequence[Hit]
) -> list[Description]:
    """What may be said of an interval: the description that fits best, then the single thing that does.

    A machine may be ill for some of its calls only: of one model, or now and then. Its units are not alike
    then, and what fits best is chance; it stands out as a whole all the same. As part of what was told before
    it is not named: it may be left over of that.
    """
    shift, calls = _shift(excess, count, interval, family.scene)
    doubt = _unit_noise(family, excess, count, shift, calls) / np.sqrt(np.maximum(calls, 1.0))
    things = [one for one in family.dimensions if len(one) == 1 and one[0] in INDIVIDUAL]
    best = best_description(family.units, family.dimensions, shift, calls, noise=doubt)
    thing = best_description(family.units, things, shift, calls, noise=doubt, least=0.0)
    if thing is not None and any(_is_part(thing.members, one.description.members) for one in told):
        thing = None
    return [one for one in (best, thing) if one is not None]


def _is_part(members: np.ndarray, of: np.ndarray) -> bool:
    return bool(of[members].all() and of.sum() > members.sum())


def _shift(excess: Floats, count: Floats, interval: Interval, scene: Scene) -> tuple[Floats, Floats]:
    """Mean excess by row, and calls.

    Excess is against the baseline; while no onset is known, it is taken against what came before.
    """
    inside, calls = interval_shift(excess, count, interval)
    before = np.zeros(len(excess))
    if not scene.settled:
        before = interval_shift(excess, count, Interval(0, interval.start))[0]
    return np.where(calls > 0, inside - before, 0.0), calls


def _unit_noise(family: Family, excess: Floats, count: Floats, shift: Floats, calls: Floats) -> float:
    """Standard deviation of one call's excess. Failures scatter by their present rate."""
    up = shift > 0
    mean = float((shift * calls)[up].sum() / max(calls[up].sum(), 1.0))
    if family.rule.is_rate:
        return family.rule.spread(mean)
    sigma = family.noise(excess.sum(axis=0)[None, :], count.sum(axis=0)[None, :])[0]
    return float(np.nan_to_num(sigma))


def _p_value(z: float, placebo: Floats, scene: Scene) -> float:
    """Of a z, given the maxima of quiet windows, several of which may make up the search.

    Without enough of them, of a normal law and as many tries as there are intervals.
    """
    length = scene.search.stop - scene.search.start
    if len(placebo) < 3:
        return min(1.0, normal_p(z) * length * length / 2)
    quiet = scene.quiet_windows()[0]
    return min(1.0, gumbel_p(z, placebo, deviations=True) * max(1.0, length / (quiet.stop - quiet.start)))


def _placebo(family: Family, excess: Floats, count: Floats, usual_noise: float) -> Floats:
    """Largest z over all groups in each quiet window of the history."""
    scans = (family.scan(excess, count, one, usual_noise=usual_noise) for one in family.scene.quiet_windows())
    return np.array([float(one.z.max(initial=0.0)) for one in scans])

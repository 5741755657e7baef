"""Services that tell only of themselves: latency, availability and requests as gauges, without traces.

Owns the contrast and the order of such services. Nobody says who calls whom, so the order rests on dilution:
what goes wrong in one service is a smaller share of everything above it. Pure; reads no store.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np

from rootspan_analysis.contrast import anscombe_z, normal_p
from rootspan_analysis.reader import Floats

__all__ = ["METRICS", "Deviation", "Levels", "deviations", "in_order"]

LATENCY: Final = "service.latency"
AVAILABILITY: Final = "service.availability"
REQUESTS: Final = "service.requests"
METRICS: Final = (LATENCY, AVAILABILITY, REQUESTS)
MIN_Z: Final = 3.0
"""Of a single series; what chance makes of all series together is then held against it."""
SHORT_PAST: Final = 20
"""Reports; a scatter that fewer have shown is not yet known."""
SHORT_PAST_Z: Final = 5.0
CLEAR_Z: Final = 10.0
"""Above this a deviation is certain, and only its size orders it."""
MIN_RATIO: Final = float(np.log(1.15))
"""The upper end of root-cause.md's floor of 5-15 % for relative shifts."""
MIN_RATE: Final = 0.003
RATE_SCALE: Final = 0.01
"""One percent more failures weighs as much as twice the latency."""
CERTAINTY: Final = 0.05
"""Weight of certainty beside size, for each deviation."""
LATENCY_FLOOR: Final = 0.05
"""Relative; the lower end of the same floor, since a mean over many requests is steady."""
FEW_REQUESTS: Final = 30.0
"""Between two reports: a mean or a share of fewer scatters more than a quiet past shows; it is not judged."""
TROUBLED_SHARE: Final = 0.2
"""Of the history, the worst part is left out of the usual failure rate: it may hold earlier incidents."""
ALIKE: Final = 0.7
"""Scores within this ratio are the same; then names decide what is only a view of another."""
VIEW_WEIGHT: Final = 0.3
"""Of a caller's view of something that has telemetry of its own."""
VIEW_ENDINGS: Final = ("_remote", "_client")
"""How AWS X-Ray names what a caller saw of another."""
CONDUITS: Final = ("gateway", "proxy", "loadbalancer", "ingress")
"""What only passes on is last suspected of what it passes on."""
MAX_P: Final = 0.01


@dataclass(frozen=True, slots=True)
class Levels:
    """Series of one service on a common timeline; NaN where nothing was reported."""

    service: str
    latency: Floats
    availability: Floats
    requests: Floats


@dataclass(frozen=True, slots=True)
class Deviation:
    """A service that left its own past.

    Attributes:
        metric: In which it left it most.
        effect: Log ratio of latency, or its like for failures.
        usual, now: The gauge's level.
        score: Orders services; larger is worse.
        excess_s, errors: What it costs, where requests are reported.
        also: Other names of the same thing, which shifted alike.
    """

    service: str
    metric: str
    z: float
    p_value: float
    effect: float
    usual: float
    now: float
    score: float
    requests: float
    excess_s: float
    errors: float
    also: tuple["Deviation", ...] = ()


def deviations(levels: Sequence[Levels], past: np.ndarray, now: np.ndarray) -> list[Deviation]:
    """Services that left their past by more than chance makes of all of them.

    Args:
        past, now: Masks of the timeline.

    Returns:
        Worst first, before names are considered. May be empty.
    """
    least = MIN_Z if past.sum() >= SHORT_PAST else SHORT_PAST_Z
    tries = max(1, 2 * len(levels))
    best: dict[str, Deviation] = {}
    for one in (each for every in levels for each in _contrast(every, past, now)):
        # Incidents are too near to each other in a short past to measure chance by; Bonferroni bounds it.
        p = min(1.0, normal_p(one.z) / 2 * tries)
        known = best.get(one.service)
        if one.z >= least and p <= MAX_P and (known is None or one.score > known.score):
            best[one.service] = replace(one, p_value=p)
    return sorted(best.values(), key=lambda one: -one.score)


def _contrast(levels: Levels, past: np.ndarray, now: np.ndarray) -> list[Deviation]:
    calls = _known(levels.requests[now])
    if len(calls) and float(np.median(calls)) < FEW_REQUESTS:
        return []
    return [one for one in (_slower(levels, past, now), _failing(levels, past, now)) if one is not None]


def _slower(levels: Levels, past: np.ndarray, now: np.ndarray) -> Deviation | None:
    before, after = _known(levels.latency[past]), _known(levels.latency[now])
    before, after = before[before > 0], after[after > 0]
    if len(before) < 2 or not len(after):
        return None
    logs = np.log(before)
    usual = float(np.median(logs))
    # Three quarters of the past, not all of it: the rest may hold earlier incidents.
    spread = max(float(np.quantile(np.abs(logs - usual), 0.75)) / 1.15, LATENCY_FLOOR)
    shift = float(np.median(np.log(after))) - usual
    if shift < MIN_RATIO:
        return None
    # A median of few rows is itself uncertain: its variance is pi/2 of the mean's.
    z = shift / (spread * math.sqrt(1 + math.pi / 2 / len(before)))
    requests = float(_known(levels.requests[now]).sum())
    level, base = math.exp(usual + shift), math.exp(usual)
    cost = requests * (level - base)
    return Deviation(
        service=levels.service,
        metric=LATENCY,
        z=z,
        p_value=1.0,
        effect=shift,
        usual=base,
        now=level,
        score=_score(z, shift),
        requests=requests,
        excess_s=cost,
        errors=0.0,
    )


def _failing(levels: Levels, past: np.ndarray, now: np.ndarray) -> Deviation | None:
    rate = 1 - levels.availability / 100
    n = levels.requests
    before, after = past & np.isfinite(rate) & np.isfinite(n), now & np.isfinite(rate) & np.isfinite(n)
    if not before.any() or n[before].sum() <= 0 or n[after].sum() <= 0:
        return None
    share, calls = rate[before], n[before]
    kept = (
        share <= np.quantile(share, 1 - TROUBLED_SHARE) if len(share) >= 5 else np.ones(len(share), np.bool_)
    )
    failed, of = float((share * calls)[kept].sum()), float(calls[kept].sum())
    seen, asked = float((rate * n)[after].sum()), float(n[after].sum())
    usual = (failed + 0.5) / (of + 1)
    scatter = np.abs(anscombe_z(share * calls, usual * calls))
    z = _surprise(seen, failed, of, asked) / max(1.0, float(np.quantile(scatter, 0.75)) / 1.15)
    more = seen / asked - usual
    bad = rate[after] >= usual + MIN_RATE
    if more < MIN_RATE or not _holds(bad):
        return None
    effect = math.log((more + RATE_SCALE) / RATE_SCALE)
    return Deviation(
        service=levels.service,
        metric=AVAILABILITY,
        z=z,
        p_value=1.0,
        effect=effect,
        usual=100 * (1 - usual),
        now=100 * (1 - seen / asked),
        score=_score(z, effect),
        requests=asked,
        excess_s=0.0,
        errors=more * asked,
    )


def _holds(bad: np.ndarray) -> bool:
    """Whether two reports in a row are bad, or the only one; a single bad one among several is a blip."""
    return bool(bad.all()) if len(bad) < 2 else bool((bad[1:] & bad[:-1]).any())


def _score(z: float, effect: float) -> float:
    return min(z / CLEAR_Z, 1.0) * effect * (1 + CERTAINTY * z)


def _known(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _surprise(seen: float, failed: float, of: float, asked: float) -> float:
    """How surprising `seen` failures of `asked` are after `failed` of `of`, as deviations of a normal law.

    The past's rate is known as far as a Gamma law tells (Jeffreys' prior), so counts follow a negative
    binomial one. Far tails are taken on Anscombe's scale.
    """
    k, share = math.ceil(seen - 0.5), of / (of + asked)
    size = failed + 0.5
    expected = size * asked / of
    rough = float(anscombe_z(np.array(seen), np.array(expected))) / math.sqrt(1 + asked / of)
    if k <= expected or k > 2000:
        return rough
    counts = np.arange(k, dtype=np.float64)
    logs = (
        np.array([math.lgamma(size + i) - math.lgamma(i + 1) for i in range(k)])
        - math.lgamma(size) + size * math.log(share) + counts * math.log1p(-share)
    )  # fmt: skip
    tail = 1 - float(np.exp(logs).sum())
    return NormalDist().inv_cdf(1 - tail) if tail > 1e-9 else max(rough, 6.0)


def in_order(found: Sequence[Deviation]) -> list[Deviation]:
    """Put views of a thing behind it, and fold names of one thing into the most specific one.

    `a::b` is a part of `a`. What shifts alike and only passes on (a gateway) comes after what it leads to.
    """
    known = {one.service: one.score * (VIEW_WEIGHT if _is_view(one.service) else 1.0) for one in found}
    rows = sorted(found, key=lambda one: -known[one.service])
    parts: dict[str, list[Deviation]] = {}
    folded: set[str] = set()
    for whole in rows:
        for part in rows:
            inside = part.service.startswith((f"{whole.service}::", f"{whole.service}/"))
            if inside and _alike(known, whole.service, part.service):
                parts.setdefault(part.service, []).append(whole)
                folded.add(whole.service)
                known[part.service] = max(known[part.service], known[whole.service])
    rows = sorted((one for one in rows if one.service not in folded), key=lambda one: -known[one.service])
    for i, one in enumerate(list(rows)):
        if _is_conduit(one.service):
            behind = [
                other
                for other in rows[i + 1 :]
                if not _is_conduit(other.service) and known[other.service] >= ALIKE * known[one.service]
            ]
            if behind:
                rows.remove(one)
                rows.insert(rows.index(behind[0]) + 1, one)
    return [replace(one, also=tuple(parts.get(one.service, ()))) for one in rows]


def _alike(known: Mapping[str, float], a: str, b: str) -> bool:
    low, high = sorted((known[a], known[b]))
    return low >= ALIKE * high


def _is_view(service: str) -> bool:
    return service.endswith(VIEW_ENDINGS)


def _is_conduit(service: str) -> bool:
    return any(word in service.lower() for word in CONDUITS)

"""Requests that a much larger one in their batch delays: batch interference.

Owns its rule: requests that were in the batch in which a large one was fed take longer in their batches than
requests of their size that were not, on the same host at the same time, by more than in the past.
"""

from typing import Final

import numpy as np

from rootspan_analysis.assess import Family, Rule, assess
from rootspan_analysis.candidates.components import (
    DIMENSIONS,
    MIN_ROOT_SHARE,
    Slice,
    cost_of,
    finding_of,
    slices,
)
from rootspan_analysis.cells import COMPONENT_KEYS, Cells, codes
from rootspan_analysis.contrast import PRIOR_CALLS, Interval
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats, Value
from rootspan_analysis.scene import Scene

__all__ = ["KEYS", "LARGE", "VALUES", "batch_operations", "find_interference"]

KEYS: Final = (*COMPONENT_KEYS, "stratum")
VALUES: Final = ("n", "weight", "total_ms", "mated", "mated_ms", "large_ones")
LARGE: Final = 4.0
"""Times the median size of an operation's requests from which on one is large."""
DELAYED: Final = Rule(min_z=6.0, min_shift=1.0, floor=1.0)
"""In milliseconds of all calls."""
MIN_RATIO: Final = 1.15
"""Of the time that a call has in its batches: as for what is slow."""
MIN_MATED, MIN_LARGE = 20.0, 5.0
"""Requests that were held up, and large ones that did: fewer are single events."""
_SUFFIX: Final = " batch"


def batch_operations(cells: Cells) -> dict[str, Value]:
    """Parameters of `batches.sql`: services and operations whose requests are told apart from their batches.

    Empty where nothing is batched.
    """
    known = set(zip(cells.keys["service"].tolist(), cells.keys["operation"].tolist(), strict=True))
    found = [(service, name) for service, name in known if (service, name + _SUFFIX) in known]
    if not found:
        return {}
    services, operations = (sorted(set(column)) for column in zip(*found, strict=True))
    return {"services": services, "operations": operations, "large": LARGE}


def find_interference(batches: Cells, scene: Scene) -> list[Finding]:
    """Operations whose calls large batch mates delay more than before, by where.

    Args:
        batches: Requests that are not large, by `KEYS`, with `VALUES`: of those with a large mate `mated` and
            `mated_ms`, of all `n` and `total_ms` (time in their batches).
    """
    findings = []
    for one in slices(batches, scene):
        n, mated = one.cells.values["n"], one.cells.values["mated"]
        if not mated.any():
            continue
        excess = _delay(one.cells, scene)
        usual = float(excess[:, scene.base].sum() / max(n[:, scene.base].sum(), 1.0))
        excess = excess - n * usual
        for hit in assess(Family(one.units, DIMENSIONS, scene.noise, DELAYED, scene), excess, n):
            members = hit.description.members
            cost = cost_of(one, members, hit, excess)
            now = _mean(one, "total_ms", "n", members, hit.interval)
            more = cost["excess_ms_a_call"]
            if more < MIN_ROOT_SHARE * scene.root_ms or now < MIN_RATIO * (now - more):
                continue
            detail = {**cost, **_numbers(one, members, hit.interval, scene)}
            if detail["mated"] < MIN_MATED or detail["large"] < MIN_LARGE:
                continue
            findings.append(
                finding_of(one, hit, scene, signal="batch", fault="batch_interference", detail=detail)
            )
    return findings


def _delay(cells: Cells, scene: Scene) -> Floats:
    """Milliseconds that requests with a large mate took beyond others of their size, there and then."""
    n, total, mated, mated_ms = (cells.values[name] for name in ("n", "total_ms", "mated", "mated_ms"))
    others, others_ms = n - mated, total - mated_ms
    base = scene.base
    of_all = float(others_ms[:, base].sum() / max(others[:, base].sum(), 1.0))
    stratum = codes([cells.keys["stratum"]])
    size = int(stratum.max(initial=-1)) + 1
    known, took = (np.bincount(stratum, part[:, base].sum(axis=1), size) for part in (others, others_ms))
    expected = ((took + PRIOR_CALLS * of_all) / (known + PRIOR_CALLS))[stratum][:, None]
    # A machine that is slow is so to requests without a large mate, too.
    prior = PRIOR_CALLS * max(of_all, 1e-9)
    pace = np.ones(n.shape[1])
    pace = (others_ms.sum(axis=0) + prior * pace) / ((others * expected).sum(axis=0) + prior)
    slow = np.empty_like(n)
    for host in set(cells.keys["host"].tolist()):
        rows = cells.keys["host"] == host
        there = (others * expected)[rows].sum(axis=0)
        slow[rows] = (others_ms[rows].sum(axis=0) + prior * pace) / (there + prior)
    return np.asarray(mated_ms - mated * expected * slow)


def _mean(one: Slice, amount: str, count: str, members: np.ndarray, interval: Interval) -> float:
    span = slice(interval.start, interval.stop)
    values = one.cells.values
    return float(values[amount][members, span].sum() / max(values[count][members, span].sum(), 1.0))


def _numbers(one: Slice, members: np.ndarray, interval: Interval, scene: Scene) -> dict[str, float]:
    """What the evidence's sentence needs."""
    span = slice(interval.start, interval.stop)
    n, mated, total, mated_ms, large = (
        one.cells.values[name][members] for name in ("n", "mated", "total_ms", "mated_ms", "large_ones")
    )
    others = max(float((n - mated)[:, span].sum()), 1.0)
    calls, before = max(float(n[:, span].sum()), 1.0), max(float(n[:, scene.base].sum()), 1.0)
    return {
        "mated": float(mated[:, span].sum()),
        "mated_ms": float(mated_ms[:, span].sum() / max(float(mated[:, span].sum()), 1.0)),
        "others_ms": float((total - mated_ms)[:, span].sum() / others),
        "share": float(mated[:, span].sum()) / calls,
        "usual_share": float(mated[:, scene.base].sum()) / before,
        "large": float(large[:, span].sum()),
    }

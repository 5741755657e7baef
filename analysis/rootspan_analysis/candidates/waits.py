"""Queues that grew, by place or build; and whether a balancer made them grow by sending some instances more.

Owns the rule for crowded instances: their share of calls rose, that of others in their region did not, and
nearly all of the waiting is theirs, though some of them may keep up.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from rootspan_analysis.assess import Family, Hit, Rule, assess
from rootspan_analysis.candidates.components import (
    DIMENSIONS,
    MIN_ROOT_SHARE,
    Slice,
    cost_of,
    finding_of,
    slices,
)
from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import anscombe_z, expected_rate
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["find_waits"]

WAITING: Final = Rule(min_z=6.0, min_shift=1.0, floor=1.0)
"""In milliseconds."""
CROWDED: Final = 1.3
"""Times as many calls as usual, beyond what its peers got more: the balancing is at fault."""
SURELY_Z: Final = 6.0
"""Deviations of a count by which it is beyond that, where no queue says so."""
OF_THE_WAIT: Final = 0.8
"""Share of the waiting that crowded instances have to carry, as members of any parent do (`hierarchy`)."""


def find_waits(cells: Cells, scene: Scene) -> list[Finding]:
    """Queues that grew, by place or build."""
    findings = []
    for one in slices(cells, scene):
        n, wait = one.cells.values["n"], one.cells.values["wait_ms"]
        if not wait.any():
            continue
        expected = np.nan_to_num(expected_rate(wait, n, scene.base, np.zeros(len(n), dtype=np.int64)))
        excess = wait - n * expected[:, None]
        named: set[tuple[str, ...]] = set()
        for whole in assess(Family(one.units, DIMENSIONS, scene.noise, WAITING, scene), excess, n):
            crowd = _crowded(one, whole, excess, scene)
            hit = whole if crowd is None else crowd
            if hit.description.values in named:
                continue
            # What is left of the waiting once the whole is taken off may be the same instances' again.
            named |= set() if crowd is None else {hit.description.values}
            members = hit.description.members
            cost = cost_of(one, members, hit, excess)
            # Of crowded instances some may keep up as yet: it is not their calls that are noticed.
            noticed = cost_of(one, whole.description.members, hit, excess)["excess_ms_a_call"]
            if max(cost["excess_ms_a_call"], noticed) < MIN_ROOT_SHARE * scene.root_ms:
                continue
            usual = float(wait[members][:, scene.base].sum())
            usual /= max(float(n[members][:, scene.base].sum()), 1.0)
            mine, all_of_it = _arrivals(n[members], hit, scene), _arrivals(n, hit, scene)
            detail = {**cost, "usual_ms": usual, "arrivals": mine, "arrivals_of_all": all_of_it}
            fault = "saturated_queue" if crowd is None else "hot_instance"
            finding = finding_of(one, hit, scene, signal="wait", fault=fault, detail=detail)
            findings.append(finding.costing(kind="queue" if crowd is None else "host"))
    return findings


def _crowded(one: Slice, hit: Hit, excess: Floats, scene: Scene) -> Hit | None:
    """The hit as that of all instances that are sent too much; None if it is not a matter of balancing.

    Where most calls go to few instances, they are most of their service, and so describe it; where each
    region has one, they are one fault.
    """
    n, found = one.cells.values["n"], hit.description
    host, region = one.units["host"], one.units["region"]
    span = slice(hit.interval.start, hit.interval.stop)
    least = CROWDED * max(1.0, _arrivals(n, hit, scene))

    def waits(rows: np.ndarray) -> bool:
        return bool(excess[rows, span].sum() >= found.shift / 2 * n[rows, span].sum())

    def is_sent_too_much(rows: np.ndarray) -> bool:
        times = _arrivals(n[rows], hit, scene)
        if not least <= times < np.inf:
            return False
        # One that keeps up as yet is as crowded, if its calls are no matter of chance.
        calls = float(n[rows, span].sum())
        return waits(rows) or float(anscombe_z(np.array(calls), np.array(calls * least / times))) >= SURELY_Z

    crowded = [name for name in dict.fromkeys(host.tolist()) if name and is_sent_too_much(host == name)]
    chosen = np.isin(host.astype(str), crowded)
    alone = found.dimensions == ("host",)
    if not crowded or (alone and found.values[0] not in crowded):
        return None
    # Of a region whose traffic rose as a whole, nobody in it is sent too much of it.
    spared = all(((region == place) & ~chosen).any() for place in dict.fromkeys(region[chosen].tolist()))
    if not spared:
        return hit if alone else None
    of_all = float(excess[found.members, span].sum())
    if float(excess[chosen & found.members, span].sum()) < OF_THE_WAIT * of_all:
        return None
    values = (",".join(sorted(crowded)),)
    return replace(hit, description=replace(found, dimensions=("host",), values=values, members=chosen))


def _arrivals(n: Floats, hit: Hit, scene: Scene) -> float:
    """Calls a bucket within the hit's interval, as a multiple of the baseline's; infinite without any."""
    usual = float(n[:, scene.base].sum() / max(scene.base.sum(), 1))
    now = float(n[:, hit.interval.start : hit.interval.stop].sum())
    return now / (hit.interval.stop - hit.interval.start) / usual if usual > 0 else np.inf

"""Hosts, racks and switches of large fleets that are unlike their peers, from counts of all spans.

A sample of traces holds too few calls of each of thousands of hosts. Owns the rules on the minutes' rollup,
whose durations include what was waited for: each host is held against its own past and against its zone at
the time, which takes out whatever befalls all of them.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from rootspan_analysis.assess import Family, assess
from rootspan_analysis.candidates.components import (
    FAILING,
    MIN_ERRORS,
    MIN_ROOT_SHARE,
    SLOW,
    Slice,
    cost_of,
    finding_of,
    slices,
)
from rootspan_analysis.cells import COMPONENT_KEYS, Cells, codes, fetch_table
from rootspan_analysis.contrast import expected_rate, without_outliers
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats, Ints, Reader, Value
from rootspan_analysis.scene import Scene
from rootspan_analysis.window import Timeline

__all__ = ["fetch_host_cells", "find_unlike_peers"]

DIMENSIONS: Final = (("host",), ("rack",), ("switch",))
MIN_PEERS: Final = 4
"""Hosts of a zone below which the whole operation's are its peers."""
_VALUES: Final = ("n", "weight", "log_sum", "self_ms", "errors")


def fetch_host_cells(client: Reader, timeline: Timeline, parameters: dict[str, Value], like: Cells) -> Cells:
    """Cells by host of the operations that `like` has. May be empty.

    Raises:
        StoreError: The store did not answer.
    """
    services = sorted(set(like.keys["service"].tolist()))
    if not services:
        return like
    values = {**parameters, "services": services}
    cells = fetch_table(client, "host_cells", timeline, values, keys=COMPONENT_KEYS, values=_VALUES)
    known = set(zip(like.keys["service"], like.keys["operation"], strict=True))
    mine = zip(cells.keys["service"], cells.keys["operation"], strict=True)
    return cells.where(np.array([key in known for key in mine], dtype=np.bool_))


def find_unlike_peers(cells: Cells, scene: Scene) -> list[Finding]:
    """Hosts (or their rack or switch) that became slower, or fail more, than their peers."""
    findings: list[Finding] = []
    for one, zones in _operations(cells, scene):
        findings += _slower(one, zones, scene)
        findings += _failing(one, zones, scene)
    return findings


def _operations(cells: Cells, scene: Scene) -> Iterator[tuple[Slice, Ints]]:
    for one in slices(cells, scene):
        zones = codes([one.units["zone"]])
        if np.bincount(zones).min() < MIN_PEERS:
            zones = np.zeros(len(zones), dtype=np.int64)
        if len(zones) >= MIN_PEERS:
            yield one, zones


def _slower(one: Slice, zones: Ints, scene: Scene) -> list[Finding]:
    n, log_sum, total_ms = (one.cells.values[name] for name in ("n", "log_sum", "self_ms"))
    expected = np.nan_to_num(expected_rate(without_outliers(log_sum, n, scene.base), n, scene.base, zones))
    expected_ms = np.nan_to_num(expected_rate(total_ms, n, scene.base, zones))
    excess = _beyond_peers(log_sum - n * expected[:, None], n, zones)
    beyond_ms = _beyond_peers(total_ms - n * expected_ms[:, None], n, zones)
    findings = []
    for hit in assess(Family(one.units, DIMENSIONS, scene.noise, SLOW, scene), excess, n):
        rows = hit.description.members
        cost = cost_of(one, rows, hit, beyond_ms)
        if cost["excess_ms_a_call"] < MIN_ROOT_SHARE * scene.root_ms:
            continue
        span = slice(hit.interval.start, hit.interval.stop)
        now = float(total_ms[rows, span].sum() / max(n[rows, span].sum(), 1.0))
        detail = {
            **cost,
            "usual_ms": now - cost["excess_ms_a_call"],
            "ratio": float(np.exp(hit.description.shift)),
            "whole": 1.0,
        }
        findings.append(finding_of(one, hit, scene, signal="slow", fault="slow", detail=detail))
    return findings


def _failing(one: Slice, zones: Ints, scene: Scene) -> list[Finding]:
    n, errors = one.cells.values["n"], one.cells.values["errors"]
    if errors.sum() < MIN_ERRORS:
        return []
    overall = float(errors[:, scene.base].sum() / max(n[:, scene.base].sum(), 1.0))
    excess = _beyond_peers(errors - n * overall, n, zones)

    def noise(_: Floats, count: Floats) -> Floats:
        return np.full(len(count), overall)

    findings = []
    for hit in assess(Family(one.units, DIMENSIONS, noise, FAILING, scene), excess, n):
        if hit.amount < MIN_ERRORS:
            continue
        cost = cost_of(one, hit.description.members, hit, np.zeros_like(n))
        scale = cost["requests"] / max(hit.calls, 1.0)
        detail = {**cost, "usual_rate": overall, "rate": hit.description.shift + overall}
        found = finding_of(one, hit, scene, signal="errors", fault="error", detail=detail)
        findings.append(found.costing(errors=hit.amount * scale))
    return findings


def _beyond_peers(excess: Floats, n: Floats, zones: Ints) -> Floats:
    """Excess without what the median host of the zone has a call in the same bucket."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, excess / n, np.nan)
    found = excess.copy()
    for zone in range(int(zones.max(initial=-1)) + 1):
        rows = np.flatnonzero(zones == zone)
        heard = np.isfinite(mean[rows]).any(axis=0)
        middle = np.zeros(excess.shape[1])
        middle[heard] = np.nanmedian(mean[rows][:, heard], axis=0)
        found[rows] -= n[rows] * middle[None, :]
    return found

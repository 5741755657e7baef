"""Links between services: gaps that grew (client without server time), and calls that nobody answered.

Owns the rules for edges, by the caller's and the callee's places. Gaps compare a pair of places with its own
past only: traffic that moves to a farther pair is no slower link.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from rootspan_analysis.assess import Family, Hit, Rule, assess
from rootspan_analysis.cells import Cells, codes
from rootspan_analysis.contrast import expected_rate, without_outliers
from rootspan_analysis.explanation import CauseKind
from rootspan_analysis.finding import Finding, SignalName
from rootspan_analysis.hierarchy import WHOLE, Description
from rootspan_analysis.reader import Floats, Strings
from rootspan_analysis.scene import Place, Scene

__all__ = ["find_gaps", "find_unanswered", "placed"]

DIMENSIONS: Final = (
    ("callee_host",),
    ("caller_host",),
    ("caller_region", "callee_zone"),
    ("caller_zone", "callee_region"),
    ("caller_region", "callee_region"),
    ("callee_zone",),
    ("callee_switch",),
    ("caller_zone",),
    ("caller_region",),
    ("callee_region",),
    (WHOLE,),
)
GAP: Final = Rule(min_z=6.0, min_shift=float(np.log(1.5)))
"""A network's time is small and noisy: only the upper end of root-cause.md's minimum effects counts."""
FAILING: Final = Rule(min_z=4.5, min_shift=0.005, is_rate=True)
MIN_ERRORS: Final = 5.0
MIN_ROOT_SHARE: Final = 0.03
MIN_PAST: Final = 20.0


def placed(cells: Cells, places: Mapping[str, Place]) -> Cells:
    """Edges with the callee's place, and its switch as a further key.

    Where no server span came, the inventory knows where the callee is; such calls and answered ones of the
    same pair are one cell, or a link that loses half of its calls would look like two, of which one is well.
    """
    place = [places.get(one, Place()) for one in cells.keys["callee_host"]]

    def column(name: str, values: list[str]) -> Strings:
        found = np.empty(len(values), dtype=np.object_)
        found[:] = [said or known for said, known in zip(cells.keys.get(name, values), values, strict=True)]
        return found

    keys = {
        **cells.keys,
        "callee_region": column("callee_region", [one.region for one in place]),
        "callee_zone": column("callee_zone", [one.zone for one in place]),
        "callee_switch": column("callee_switch", [one.switch for one in place]),
    }
    number = codes([keys[name] for name in keys])
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    first = order[starts]
    if len(first) == len(number):
        return Cells(keys, cells.values)
    values = {name: np.add.reduceat(matrix[order], starts, axis=0) for name, matrix in cells.values.items()}
    return Cells({name: column[first] for name, column in keys.items()}, values)


def _links(cells: Cells) -> Iterator[tuple[str, Cells]]:
    """Cells of each pair of services, by the side whose hosts are told."""
    number = codes([cells.keys["side"], cells.keys["caller"], cells.keys["callee"]])
    for one in range(int(number.max(initial=-1)) + 1):
        part = cells.where(number == one)
        yield part.keys["side"][0], part


def _dimensions(side: str) -> tuple[tuple[str, ...], ...]:
    hidden = {"callee": "caller_host", "caller": "callee_host"}.get(side, "")
    return tuple(one for one in DIMENSIONS if one != (hidden,))


def find_gaps(cells: Cells, scene: Scene) -> list[Finding]:
    """Edges on which time is lost between client and server."""
    findings = []
    for side, link in _links(cells):
        count, log_sum, gap_ms = (link.values[name] for name in ("answered", "log_sum", "gap_ms"))
        past = count[:, scene.base].sum(axis=1) >= MIN_PAST
        if not past.any():
            continue
        part = link.where(past)
        count, log_sum, gap_ms = count[past], log_sum[past], gap_ms[past]
        own = np.arange(len(count))
        usual_sum = without_outliers(log_sum, count, scene.base)
        expected = np.nan_to_num(expected_rate(usual_sum, count, scene.base, own))
        expected_ms = np.nan_to_num(expected_rate(gap_ms, count, scene.base, own))
        excess = log_sum - count * expected[:, None]
        beyond_ms = gap_ms - count * expected_ms[:, None]
        units = part.keys
        for hit in assess(Family(units, _dimensions(side), scene.noise, GAP, scene), excess, count):
            if side == "caller" and hit.description.dimensions != ("caller_host",):
                continue  # told from the other side
            rows, span = hit.description.members, slice(hit.interval.start, hit.interval.stop)
            n = float(count[rows, span].sum())
            a_call = float(beyond_ms[rows, span].sum()) / max(n, 1.0)
            if a_call < MIN_ROOT_SHARE * scene.root_ms:
                continue
            weight = float(
                part.values["weight"][rows, span].sum() / max(part.values["n"][rows, span].sum(), 1)
            )
            usual = float(gap_ms[rows][:, scene.base].sum() / max(count[rows][:, scene.base].sum(), 1.0))
            detail = {
                "excess_ms_a_call": a_call,
                "excess_ms": a_call * n * weight,
                "calls": n,
                "requests": n * weight,
                "usual_ms": usual,
                "ratio": float(np.exp(hit.description.shift)),
            }
            findings.append(_finding(part, units, hit, signal="gap", fault="network_delay", detail=detail))
    return findings


def find_unanswered(cells: Cells, scene: Scene) -> list[Finding]:
    """Edges on which calls fail without the callee having failed: refused connections, timeouts."""
    findings = []
    for side, part in _links(cells):
        count, errors = part.values["n"], part.values["errors"]
        if errors.sum() < MIN_ERRORS:
            continue
        overall = float(errors[:, scene.base].sum() / max(count[:, scene.base].sum(), 1.0))
        excess = errors - count * overall

        def noise(_: Floats, calls: Floats, rate: float = overall) -> Floats:
            return np.full(len(calls), rate)

        units = part.keys
        for hit in assess(Family(units, _dimensions(side), noise, FAILING, scene), excess, count):
            if side == "caller" and hit.description.dimensions != ("caller_host",):
                continue  # told from the other side
            rows, span = hit.description.members, slice(hit.interval.start, hit.interval.stop)
            if hit.amount < MIN_ERRORS:
                continue
            weight = float(part.values["weight"][rows, span].sum() / max(count[rows, span].sum(), 1.0))
            lost_ms = float(part.values["lost_ms"][rows, span].sum()) * weight
            detail = {
                "requests": hit.calls * weight,
                "excess_ms": lost_ms,
                "usual_rate": overall,
                "rate": hit.description.shift + overall,
            }
            found = _finding(part, units, hit, signal="unanswered", fault="connection_error", detail=detail)
            findings.append(found.costing(errors=hit.amount * weight))
    return findings


def _finding(
    part: Cells,
    units: Mapping[str, Strings],
    hit: Hit,
    *,
    signal: SignalName,
    fault: str,
    detail: Mapping[str, float],
) -> Finding:
    found = hit.description
    kind, entity = _name(part, units, found)
    ends = ("callee_host", "caller_host")
    hosts = frozenset(found.values) if found.dimensions[0] in ends else frozenset[str]()
    return Finding(
        signal=signal,
        kind=kind,
        entity=entity,
        fault=fault,
        service=part.keys["caller"][0],
        peer=part.keys["callee"][0],
        operation="",
        hosts=hosts,
        shift=found.shift,
        z=hit.z,
        p_value=hit.p_value,
        interval=hit.interval,
        excess_s=max(0.0, detail["excess_ms"]) / 1e3,
        requests=detail["requests"],
        detail=detail,
    )


def _name(part: Cells, units: Mapping[str, Strings], found: Description) -> tuple[CauseKind, dict[str, str]]:
    """An edge by its ends; the caller's region if it has one, the callee's zone if only that one shifts."""
    entity = {"service.name": part.keys["caller"][0], "peer.service": part.keys["callee"][0]}
    regions = set(units["caller_region"][found.members]) - {""}
    if len(regions) == 1 and found.dimensions != (WHOLE,):
        entity["cloud.region"] = regions.pop()
    for name, value in zip(found.dimensions, found.values, strict=True):
        if name == "callee_zone":
            entity["cloud.availability_zone"] = value
        elif name == "callee_switch":
            entity["network.switch"] = value
        elif name == "callee_host":
            entity["server.address"] = value
        elif name == "caller_host":
            entity["host.name"] = value
    return "edge", entity

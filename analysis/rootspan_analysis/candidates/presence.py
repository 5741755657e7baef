"""Machines that fell silent, alone or together.

Owns the rule for lost instances: spans stop while peers go on, and callers get no answers or peers take the
work over. Silence alone is a matter of telemetry, and a machine that nobody calls any more is idle, not lost.
"""

from dataclasses import replace
from typing import Final, cast

import numpy as np

from rootspan_analysis.cells import Cells, codes
from rootspan_analysis.contrast import MIN_BUCKETS, Interval
from rootspan_analysis.explanation import CauseKind
from rootspan_analysis.finding import Finding
from rootspan_analysis.hierarchy import best_description
from rootspan_analysis.reader import Floats, Ints, Strings
from rootspan_analysis.scene import Place, Scene

__all__ = ["find_lost"]

DIMENSIONS: Final = (("host",), ("rack",), ("switch",), ("zone",), ("region",))
MIN_MISSING: Final = 20.0
"""Calls that a silent host should have had by its own past rate (root-cause.md: minimum support)."""
LIFE_AFTER_S: Final = 45
"""Signs of life this long after the last span show that a host is idle; most metrics come more often."""
MIN_SURVIVING: Final = 0.3
"""Of a service's calls: below that the service lost its traffic, which is not its machines' fault."""
MIN_UNANSWERED: Final = 3
TAKEN_OVER: Final = 0.5
"""Of the silent machines' calls, that must turn up at their peers where no caller lacks an answer."""
_ATTRIBUTE: Final = {
    "host": "host.name",
    "rack": "host.rack",
    "switch": "network.switch",
    "zone": "cloud.availability_zone",
    "region": "cloud.region",
}


def find_lost(cells: Cells, edges: Cells, alive_s: dict[str, int], scene: Scene) -> list[Finding]:
    """Hosts (or the rack, switch, zone or region of all of them) that stopped serving.

    Args:
        alive_s: By host, unix seconds of its latest log record or gauge.
    """
    findings: list[Finding] = []
    for service in sorted(set(cells.keys["service"])):
        mine = cells.where(cells.keys["service"] == service)
        number = codes([mine.keys["host"]])
        hosts = np.array([mine.keys["host"][np.flatnonzero(number == i)[0]] for i in range(number.max() + 1)])
        if len(hosts) < 2:
            continue
        calls = np.zeros((len(hosts), mine.values["n"].shape[1]))
        np.add.at(calls, number, mine.values["n"])
        silent, rate = _silent_since(calls, scene)
        states = [
            _state(host, int(since), edges, alive_s, scene) if host and since >= 0 else _WELL
            for host, since in zip(hosts, silent, strict=True)
        ]
        quiet = np.array([one != _WELL for one in states])
        if quiet.any() and not _is_proven(
            states, _unanswered(hosts[quiet], silent[quiet], edges), calls, silent, rate
        ):
            continue
        if quiet.any():
            found = _finding(service, hosts, quiet, silent=silent, rate=rate, cells=mine, scene=scene)
            living = all(one == _UNREACHED for one in states if one != _WELL)
            findings.append(replace(found, detail={**found.detail, "living": float(living)}))
    return findings


def _silent_since(calls: Floats, scene: Scene) -> tuple[Ints, Floats]:
    """First bucket of each host's final silence (-1: none), and its usual calls a bucket."""
    base = scene.base & (calls.sum(axis=0) > 0)
    rate = calls[:, base].mean(axis=1) if base.any() else np.zeros(len(calls))
    whole = calls.sum(axis=0)
    usual = float(np.median(whole[base])) if base.any() else 0.0
    going = whole >= MIN_SURVIVING * usual
    stop = int(np.flatnonzero(going)[-1]) + 1 if going.any() else 0
    since = np.full(len(calls), -1)
    for i in range(len(calls)):
        active = np.flatnonzero(calls[i, :stop])
        if not len(active):
            continue
        begin = int(active[-1]) + 1
        length = stop - begin
        if begin >= scene.search.start and length >= MIN_BUCKETS and rate[i] * length >= MIN_MISSING:
            since[i] = begin
    return since, rate


_WELL, _UNREACHED, _UNANSWERED, _SILENT = range(4)
"""Of a host without spans: it answers or is idle; it lives but gives no answers; neither; nobody says."""


def _state(host: str, since: int, edges: Cells, alive_s: dict[str, int], scene: Scene) -> int:
    called = edges.keys["callee_host"] == host
    answers = float(edges.values["answered"][called, since:].sum())
    unanswered = float(edges.values["errors"][called, max(since - 1, 0) :].sum())
    if answers >= max(MIN_UNANSWERED, unanswered):
        return _WELL  # it is only its telemetry that is missing
    last = alive_s.get(host)
    alive = last is not None and last >= scene.timeline.at_ns(since) // 1_000_000_000 + LIFE_AFTER_S
    if unanswered >= MIN_UNANSWERED:
        return _UNREACHED if alive else _UNANSWERED
    return _WELL if alive else _SILENT


def _unanswered(hosts: Strings, silent: Ints, edges: Cells) -> float:
    """Calls to silent hosts that got no answer, from just before each fell silent."""
    total = 0.0
    for host, since in zip(hosts, silent, strict=True):
        called = edges.keys["callee_host"] == host
        total += float(edges.values["errors"][called, max(int(since) - 1, 0) :].sum())
    return total


def _is_proven(states: list[int], unanswered: float, calls: Floats, silent: Ints, rate: Floats) -> bool:
    """Whether callers got no answer, or peers took over what the silent ones did."""
    if unanswered >= MIN_UNANSWERED:
        return True
    gone = np.array([one == _SILENT for one in states])
    since = int(silent[gone].max())
    after = calls[~gone, since:]
    if not after.size:
        return False
    more = float(after.sum(axis=0).mean() - rate[~gone].sum())
    return more >= TAKEN_OVER * float(rate[gone].sum())


def _finding(
    service: str,
    hosts: Strings,
    lost: np.ndarray,
    *,
    silent: Ints,
    rate: Floats,
    cells: Cells,
    scene: Scene,
) -> Finding:
    place = [scene.places.get(host, Place()) for host in hosts]
    units = {"host": hosts.astype(np.object_)}
    for name in ("rack", "switch", "zone", "region"):
        units[name] = np.array([getattr(one, name) for one in place], dtype=np.object_)
    best = best_description(units, DIMENSIONS, lost.astype(np.float64), rate)
    entity = {"service.name": service}
    kind: CauseKind = "host"
    names = sorted(hosts[lost].tolist())
    if best is not None and best.dimensions != ("host",) and best.recall >= 0.9:
        kind = cast(CauseKind, best.dimensions[0])
        entity[_ATTRIBUTE[best.dimensions[0]]] = best.values[0]
        if kind in ("rack", "switch", "zone"):
            entity |= {
                "cloud.region": next(one.region for one, gone in zip(place, lost, strict=True) if gone)
            }
    else:
        entity["host.name"] = ",".join(names)
        regions = {one.region for one, gone in zip(place, lost, strict=True) if gone} - {""}
        if len(regions) == 1:
            entity["cloud.region"] = regions.pop()
    start = int(np.min(silent[lost]))
    missing = float((rate[lost] * (scene.timeline.size - silent[lost])).sum())
    n = float(cells.values["n"].sum())
    scale = float(cells.values["weight"].sum() / max(n, 1.0))
    share = float(rate[lost].sum() / max(rate.sum(), 1e-9))
    return Finding(
        signal="lost",
        kind=kind,
        entity={name: value for name, value in entity.items() if value},
        fault="outage" if kind in ("region", "zone") else "lost_instances",
        service=service,
        peer="",
        operation="",
        hosts=frozenset(names),
        shift=share,
        # Poisson: no call where `missing` were due has probability exp(-missing).
        z=float(np.sqrt(2 * missing)),
        p_value=float(max(1e-9, np.exp(-missing / max(len(names), 1)))),
        interval=Interval(start, scene.timeline.size),
        requests=missing * scale,
        detail={
            "lost": float(lost.sum()),
            "of": float(len(hosts)),
            "share": share,
            "missing": missing * scale,
        },
    )

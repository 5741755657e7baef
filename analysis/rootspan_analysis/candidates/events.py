"""Named events that warn: what a program or a kernel says has happened, such as an XID or an election.

Owns which events count at once, who is named for one, and how an event about a machine stands beside what is
slow on it. An event says what happened in its name; how often it did is held against its own past.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import Interval
from rootspan_analysis.explanation import CauseKind
from rootspan_analysis.finding import Finding
from rootspan_analysis.hierarchy import best_description
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Place, Scene
from rootspan_analysis.training.gpu_state import HARDWARE_XIDS

__all__ = ["HARD", "KEYS", "OF_PODS", "VALUES", "beside", "find_events", "is_hardware"]

KEYS: Final = ("event", "service", "host", "code", "elsewhere", "example")
VALUES: Final = ("told",)
HARD: Final[Mapping[str, str]] = {
    "gpu.xid": "gpu_error",
    "nvswitch.sxid": "switch_error",
    "host.memory.ecc_uncorrected": "memory_error",
    "host.memory.oom_kill": "out_of_memory",
    "k8s.pod.evicted": "pod_evicted",
    "k8s.node.drained": "node_drained",
}
"""Events about a machine, of which one is enough, and the fault that each is."""
OF_PODS: Final = frozenset({"k8s.pod.evicted"})
"""Their code is the pod's name."""
ONCE: Final = frozenset({"replication.failover"})
"""Events of a service that tell what is done, not what may happen again and again: one is enough."""
MIN_TOLD: Final = 3.0
"""Of other events; fewer may be chance."""
MIN_Z: Final = 4.0
MAX_P: Final = 0.01
HARD_Z: Final = 12.0
"""What an event of which one is enough stands out by if it is new: more than is plain in spans (10)."""
HARD_P: Final = 1e-4
MAIN_SHARE: Final = 0.4
"""Of an event's excess: one host with so much, and twice as much as any other, is named alone."""
MEMBER_SHARE: Final = 0.3
"""Of what the loudest host tells: others with so much are named with it, if they are few."""
_DIMENSIONS: Final = (("host",), ("rack",), ("switch",), ("zone",), ("region",))
_ATTRIBUTE: Final = {
    "host": "host.name",
    "rack": "host.rack",
    "switch": "network.switch",
    "zone": "cloud.availability_zone",
    "region": "cloud.region",
}


def find_events(events: Cells, scene: Scene) -> list[Finding]:
    """Events that come more often than they did, one finding for each name and service; hard ones by host."""
    findings: list[Finding] = []
    if not len(events):
        return findings
    keys, told = events.keys, events.values["told"]
    names = sorted(set(zip(keys["event"], keys["service"], strict=True)))
    for event, service in names:
        rows = (keys["event"] == event) & (keys["service"] == service)
        if event == "gpu.xid":
            rows &= np.array([is_hardware(one) for one in keys["code"]])
        if not rows.any():
            continue
        mine = Cells(
            {name: column[rows] for name, column in keys.items()},
            {"told": told[rows]},
        )
        found = _hard(mine, scene) if event in HARD else _often(mine, len(names), scene)
        findings += found
    return findings


def beside(findings: Iterable[Finding], events: Iterable[Finding]) -> list[Finding]:
    """Findings and events together: what is wrong on a machine that told of a broken part is that part's.

    Events that no finding stands beside stay findings of their own.
    """
    by_host = {host: one for one in events if one.detail.get("hard") for host in one.hosts}
    found: list[Finding] = []
    used: set[int] = set()
    for one in findings:
        event = by_host.get(next(iter(one.hosts))) if len(one.hosts) == 1 else None
        if event is None or event.interval.start > one.interval.start + 1:
            found.append(one)
            continue
        used.add(id(event))
        entity = {**one.entity, **(_pod_of(event) if one.signal == "lost" else {})}
        found.append(replace(one, z=max(one.z, event.z), entity=entity).supported_by(event))
    return [*found, *(one for one in events if id(one) not in used)]


def _pod_of(event: Finding) -> Mapping[str, str]:
    return {name: value for name, value in event.entity.items() if name == "k8s.pod.name"}


def is_hardware(code: str) -> bool:
    """Whether an XID speaks of broken hardware; others mostly follow a program's error."""
    return code.isdigit() and int(code) in HARDWARE_XIDS


def _hard(events: Cells, scene: Scene) -> list[Finding]:
    """Each host that told of a broken part and did not before."""
    found = []
    for row, host in enumerate(events.keys["host"]):
        told = events.values["told"][row]
        if told[scene.base].sum() or not told[scene.search.start :].any():
            continue
        start = int(np.flatnonzero(told[scene.search.start :])[0]) + scene.search.start
        seen = float(told[scene.search.start :].sum())
        entity = {"host.name": host, "cloud.region": scene.places.get(host, Place()).region}
        event = events.keys["event"][row]
        if event in OF_PODS:
            entity["k8s.pod.name"] = events.keys["code"][row]
        found.append(
            _finding(events, row, _Who("host", entity, frozenset({host})), _Count(start, seen, 0.0), scene)
        )
        found[-1] = replace(found[-1], fault=HARD[event], z=HARD_Z, p_value=HARD_P)
    return found


def _often(events: Cells, tries: int, scene: Scene) -> list[Finding]:
    """Whoever tells an event more often than before: a host, the place of several, or the whole service."""
    told = events.values["told"]
    base = int(scene.base.sum())
    # Half an event more: one that never came may come.
    rate = (told[:, scene.base].sum(axis=1) + 0.5 / len(told)) / max(base, 1)
    start = _onset(told.sum(axis=0), float(rate.sum()), scene)
    if start is None or not base:
        return []
    seen = told[:, start:].sum(axis=1)
    expected = rate * (scene.timeline.size - start)
    excess = np.maximum(seen - expected, 0.0)
    # Twice the difference of roots: Poisson counts on Anscombe's scale.
    z = 2 * (np.sqrt(seen.sum() + 0.375) - np.sqrt(expected.sum() + 0.375))
    p = min(1.0, tries * float(np.exp(-z * z / 2)))
    if events.keys["event"][0] in ONCE and not told[:, scene.base].any():
        z, p = HARD_Z, HARD_P
    elif seen.sum() < MIN_TOLD or z < MIN_Z or p > MAX_P:
        return []
    who = _who(events, excess, scene)
    row = int(np.argmax(excess))
    count = _Count(start, float(seen.sum()), float(expected.sum()))
    one = _finding(events, row, who, count, scene)
    return [replace(one, z=float(z), p_value=p)]


def _onset(told: Floats, rate: float, scene: Scene) -> int | None:
    """First bucket of the search with clearly more than the usual rate."""
    for place in range(scene.search.start, scene.timeline.size):
        if told[place] and told[place] >= 3 * rate:
            return place
    return None


@dataclass(frozen=True, slots=True)
class _Who:
    """Who is named for an event."""

    kind: CauseKind
    entity: Mapping[str, str]
    hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Count:
    """How often an event was told from bucket `start` on, and how often it would have been."""

    start: int
    seen: float
    expected: float


def _who(events: Cells, excess: Floats, scene: Scene) -> _Who:
    hosts = events.keys["host"]
    order = np.argsort(-excess)
    first = float(excess[order[0]])
    second = float(excess[order[1]]) if len(order) > 1 else 0.0
    if hosts[order[0]] and first >= MAIN_SHARE * excess.sum() and first >= 2 * second:
        return _Who("host", _at_host(hosts[order[0]], scene), frozenset({hosts[order[0]]}))
    place = [scene.places.get(host, Place()) for host in hosts]
    units = {"host": hosts}
    for name in ("rack", "switch", "zone", "region"):
        units[name] = np.array([getattr(one, name) for one in place], dtype=np.object_)
    best = best_description(units, _DIMENSIONS, excess, np.ones(len(hosts)))
    everywhere = len({one.region for one in scene.places.values()} - {""}) <= 1
    if best is None or best.recall < 0.8:
        several = [host for host, one in zip(hosts, excess, strict=True) if one >= MEMBER_SHARE * first]
        if all(several) and 2 * len(several) <= len(scene.places):
            named = ",".join(sorted(several))
            return _Who("host", _at_host(named, scene), frozenset(several))
        return _Who("service", {}, frozenset())
    if best.dimensions == ("region",) and everywhere:
        return _Who("service", {}, frozenset())
    (dimension,), (value,) = best.dimensions, best.values
    entity = _at_host(value, scene) if dimension == "host" else {_ATTRIBUTE[dimension]: value}
    return _Who(cast(CauseKind, dimension), entity, frozenset(hosts[best.members].tolist()))


def _at_host(host: str, scene: Scene) -> dict[str, str]:
    region = scene.places.get(host, Place()).region
    return {"host.name": host} | ({"cloud.region": region} if region else {})


def _finding(
    events: Cells,
    row: int,
    who: _Who,
    count: _Count,
    scene: Scene,
) -> Finding:
    event, service = str(events.keys["event"][row]), str(events.keys["service"][row])
    seen, expected = count.seen, count.expected
    named = {"service.name": service, **who.entity}
    return Finding(
        signal="event",
        kind=who.kind,
        entity={name: value for name, value in named.items() if value},
        fault=_FAULTS.get(event, event.replace(".", "_")),
        service=service,
        peer="",
        operation="",
        hosts=who.hosts,
        shift=float(np.log((seen + 0.5) / (expected + 0.5))),
        z=0.0,
        p_value=0.0,
        interval=Interval(count.start, scene.timeline.size),
        detail={
            "seen": seen,
            "expected": expected,
            "hard": float(event in HARD),
            "elsewhere": float(bool(events.keys["elsewhere"][row])),
        },
        words={"event": event, "example": str(events.keys["example"][row])},
    )


_FAULTS: Final[Mapping[str, str]] = {
    "raft.election.started": "election_storm",
    "raft.peer.unreachable": "peer_unreachable",
    "replication.lag": "replication_lag",
    "replication.failover": "failover",
    "model.version.split": "version_split",
    "residency.refused": "residency_refused",
}
"""Names of faults that are told by events; of others the event's name is the fault's."""

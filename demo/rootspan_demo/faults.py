"""Plans a fault: which machines it changes, how much and from when.

Draws onset, place and size from a random stream of its own, so that equal seeds give equal traffic whatever
is planted.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan import semconv
from rootspan_demo.fleet import REGIONS, ZONES
from rootspan_demo.plan import Edge, Plan, Scene, SlowEdge
from rootspan_demo.truth import PEER_SERVICE

__all__ = ["BASIC_PLANNERS", "Planner", "kill"]

Planner = Callable[[Scene, Plan], Plan]
DETECTION_S: Final = (2.0, 4.5)
"""From an instance's death until the balancer's health checks have failed often enough to eject it."""
_ENDS: Final[Mapping[Edge, tuple[str, str]]] = {
    "gateway-balancer": ("gateway", "balancer"),
    "balancer-ranker": ("balancer", "ranker"),
    "ranker-store": ("ranker", "feature-store"),
}


def _none(scene: Scene, plan: Plan) -> Plan:
    return plan


def _slow_gpu(scene: Scene, plan: Plan) -> Plan:
    victim = int(scene.rng.integers(len(plan.dies_s)))
    factor = scene.rng.uniform(1.6, 3.0)
    plan.changed_s[victim] = scene.onset_s
    plan.forward_factor[victim] = factor
    plan.embed_factor[victim] = 1 + (factor - 1) * scene.rng.uniform(0.6, 0.9)
    plan.clock_factor[victim] = 1 / factor * scene.rng.uniform(0.95, 1.05)
    plan.heat_c[victim] = scene.rng.uniform(11, 20)
    plan.throttled[victim] = True
    entity = {semconv.SERVICE_NAME: "ranker", semconv.HOST_NAME: scene.host(victim)}
    return replace(plan, truth=scene.truth(entity, {"forward_factor": factor}))


def kill(scene: Scene, plan: Plan, victims: NDArray[np.int64], spread_s: float) -> None:
    """Rankers that die within `spread_s` of the onset, and are ejected once that is noticed."""
    plan.dies_s[victims] = scene.onset_s + scene.rng.uniform(0, spread_s, len(victims))
    plan.ejected_s[victims] = plan.dies_s[victims] + scene.rng.uniform(*DETECTION_S, len(victims))


def _region_outage(scene: Scene, plan: Plan) -> Plan:
    region = int(scene.rng.integers(len(REGIONS)))
    kill(scene, plan, np.flatnonzero(scene.fleet.ranker_region == region), 1.5)
    return replace(plan, truth=scene.truth({semconv.CLOUD_REGION: REGIONS[region]}, {}))


def _queue_saturation(scene: Scene, plan: Plan) -> Plan:
    region = int(scene.rng.integers(len(REGIONS)))
    local = scene.rng.permutation(np.flatnonzero(scene.fleet.ranker_region == region))
    target = scene.rng.uniform(0.95, 1.08)  # of what the remaining instances can serve
    wanted = max(1, round(len(local) * (1 - scene.load / target)))
    # One of each rack stays, or it would be the rack (or its zone) that was lost.
    racks = [scene.fleet.instances[int(scene.fleet.rankers[one])].rack for one in local]
    stays = {racks.index(rack) for rack in racks}
    may_go = np.array([one for i, one in enumerate(local) if i not in stays], dtype=np.int64)
    victims = np.sort((may_go if len(may_go) else local)[:wanted])
    lost = len(victims)
    kill(scene, plan, victims, 1.5)
    entity = {semconv.SERVICE_NAME: "ranker"}
    detail: dict[str, float | str] = {"lost": float(lost), "of": float(len(local)), "region": REGIONS[region]}
    return replace(plan, truth=scene.truth(entity, detail, tuple(scene.host(int(v)) for v in victims)))


def _bad_version(scene: Scene, plan: Plan) -> Plan:
    rng, version = scene.rng, "3.9.0"
    share = rng.uniform(0.25, 0.55)
    victims = np.concatenate(
        [
            rng.permutation(local)[: max(1, round(share * len(local)))]
            for local in (np.flatnonzero(scene.fleet.ranker_region == r) for r in range(len(REGIONS)))
        ]
    )
    flavour = int(rng.integers(3))  # slower, failing, or both
    slower = rng.uniform(1.3, 1.65) if flavour != 1 else 1.0
    errors = rng.uniform(0.02, 0.06) if flavour != 0 else 0.0
    roll_out_s = min(rng.uniform(20, 60), 0.2 * (scene.config.duration_s - scene.onset_s))
    plan.upgraded_s[victims] = scene.onset_s + np.linspace(0, roll_out_s, len(victims))
    plan.changed_s[victims] = plan.upgraded_s[victims]
    plan.forward_factor[victims] = slower
    plan.error_share[victims] = errors
    truth = scene.truth(
        {semconv.SERVICE_NAME: "ranker", semconv.SERVICE_VERSION: version},
        {"forward_factor": slower, "error_share": errors, "hosts": float(len(victims))},
    )
    return replace(plan, truth=truth, new_version=version)


def _network_delay(scene: Scene, plan: Plan) -> Plan:
    rng = scene.rng
    edge: Edge = ("ranker-store", "gateway-balancer", "balancer-ranker")[int(rng.integers(3))]
    delay = rng.uniform(0.008, 0.025)
    region = int(rng.integers(len(REGIONS)))
    caller, callee = _ENDS[edge]
    entity = {
        semconv.SERVICE_NAME: caller,
        PEER_SERVICE: callee,
        semconv.CLOUD_REGION: REGIONS[region],
    }
    zones = {z for z, (_, of) in enumerate(ZONES) if of == region}
    if edge == "balancer-ranker":
        zones &= {scene.fleet.instances[int(i)].zone for i in scene.fleet.rankers}
        zones = {sorted(zones)[int(rng.integers(len(zones)))]}
        entity[semconv.CLOUD_ZONE] = ZONES[next(iter(zones))][0]
    slow = SlowEdge(edge, region, frozenset(zones), scene.onset_s, delay, 0.25 * delay)
    return replace(plan, truth=scene.truth(entity, {"delay_ms": delay * 1e3}), slow_edge=slow)


def _error_burst(scene: Scene, plan: Plan) -> Plan:
    rng = scene.rng
    share = rng.uniform(0.15, 0.5)
    if rng.random() < 0.5:
        victim = int(rng.integers(len(plan.dies_s)))
        plan.changed_s[victim] = scene.onset_s
        plan.error_share[victim] = share
        entity = {semconv.SERVICE_NAME: "ranker", semconv.HOST_NAME: scene.host(victim)}
    else:
        store = int(rng.integers(len(plan.store_changed_s)))
        plan.store_changed_s[store] = scene.onset_s
        plan.store_error_share[store] = share
        host = scene.fleet.instances[int(np.concatenate(scene.fleet.stores)[store])].host
        entity = {semconv.SERVICE_NAME: "feature-store", semconv.HOST_NAME: host}
    return replace(plan, truth=scene.truth(entity, {"error_share": share}))


BASIC_PLANNERS: Final[Mapping[str, Planner]] = {
    "none": _none,
    "slow-gpu": _slow_gpu,
    "region-outage": _region_outage,
    "bad-version": _bad_version,
    "network-delay": _network_delay,
    "queue-saturation": _queue_saturation,
    "error-burst": _error_burst,
}

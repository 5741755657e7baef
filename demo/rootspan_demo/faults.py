"""Plans a fault: which machines it changes, how much and from when.

Draws onset, place and size from a random stream of its own, so that equal seeds give equal traffic whatever
is planted. The plan is numbers by ranker or edge; nothing downstream looks at the fault's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rootspan import semconv
from rootspan_demo.config import FaultName, FleetConfig
from rootspan_demo.fleet import REGIONS, ZONES, Fleet
from rootspan_demo.truth import PEER_SERVICE, Truth

__all__ = ["Edge", "Plan", "SlowEdge", "plan_fault"]

NEVER: Final = np.inf
DETECTION_S: Final = (2.0, 4.5)
"""From an instance's death until the balancer's health checks have failed often enough to eject it."""
Edge = Literal["gateway-balancer", "balancer-ranker", "ranker-store"]
_ENDS: Final[Mapping[Edge, tuple[str, str]]] = {
    "gateway-balancer": ("gateway", "balancer"),
    "balancer-ranker": ("balancer", "ranker"),
    "ranker-store": ("ranker", "feature-store"),
}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SlowEdge:
    """A link that delays requests (not replies): from callers in region `region` to callees in `zones`."""

    edge: Edge
    region: int
    zones: frozenset[int]
    from_s: float
    delay_s: float
    jitter_s: float

    def extra_s(
        self,
        at_s: Floats,
        caller_region: NDArray[np.int64],
        callee_zone: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Floats:
        """Delay of requests that leave at `at_s`; zero off the link and before the onset."""
        on = (at_s >= self.from_s) & (caller_region == self.region) & np.isin(callee_zone, list(self.zones))
        drawn = self.delay_s + self.jitter_s * rng.standard_normal(len(at_s))
        return np.where(on, np.maximum(drawn, 0.2 * self.delay_s), 0.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs from a healthy fleet. Arrays are by ranker; times are seconds of the recording.

    Attributes:
        dies_s: From when a ranker no longer answers (infinite: never).
        ejected_s: From when the balancer sends it nothing.
        changed_s: From when the factors below hold.
        embed_factor, forward_factor: Times of the two GPU stages.
        clock_factor: GPU clock.
        heat_c: Added to the GPU's temperature.
        throttled: Whether the driver reports throttling.
        upgraded_s: From when it runs `new_version`.
        error_share: Share of its requests that fail in `model.forward`.
        store_error_share: Same by instance of the feature store (region-major).
    """

    dies_s: Floats
    ejected_s: Floats
    changed_s: Floats
    embed_factor: Floats
    forward_factor: Floats
    clock_factor: Floats
    heat_c: Floats
    throttled: NDArray[np.bool_]
    upgraded_s: Floats
    error_share: Floats
    store_changed_s: Floats
    store_error_share: Floats
    truth: Truth
    new_version: str = ""
    slow_edge: SlowEdge | None = None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a planner draws from."""

    config: FleetConfig
    fleet: Fleet
    load: float
    onset_s: float
    rng: np.random.Generator

    @property
    def onset_unix_ns(self) -> int:
        return self.config.start_unix_ns + round(self.onset_s * 1e9)

    def truth(
        self, entity: Mapping[str, str], detail: Mapping[str, float | str], hosts: tuple[str, ...] = ()
    ) -> Truth:
        return Truth(self.config.fault, entity, hosts, self.onset_unix_ns, detail)

    def host(self, ranker: int) -> str:
        return self.fleet.instances[int(self.fleet.rankers[ranker])].host


def plan_fault(config: FleetConfig, fleet: Fleet, load: float, rng: np.random.Generator) -> Plan:
    """Draw the fault that `config` asks for."""
    before_end = config.onset_before_end_s
    if before_end is None:
        before_end = min(rng.uniform(300, 540), config.duration_s * rng.uniform(0.3, 0.45))
    scene = _Scene(config, fleet, load, config.duration_s - before_end, rng)
    return _PLANNERS[config.fault](scene, _healthy(fleet))


def _healthy(fleet: Fleet) -> Plan:
    rankers, stores = len(fleet.rankers), sum(map(len, fleet.stores))
    return Plan(
        dies_s=np.full(rankers, NEVER),
        ejected_s=np.full(rankers, NEVER),
        changed_s=np.full(rankers, NEVER),
        embed_factor=np.ones(rankers),
        forward_factor=np.ones(rankers),
        clock_factor=np.ones(rankers),
        heat_c=np.zeros(rankers),
        throttled=np.zeros(rankers, dtype=np.bool_),
        upgraded_s=np.full(rankers, NEVER),
        error_share=np.zeros(rankers),
        store_changed_s=np.full(stores, NEVER),
        store_error_share=np.zeros(stores),
        truth=Truth("none", {}),
    )


def _none(scene: _Scene, plan: Plan) -> Plan:
    return plan


def _slow_gpu(scene: _Scene, plan: Plan) -> Plan:
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


def _kill(scene: _Scene, plan: Plan, victims: NDArray[np.int64], spread_s: float) -> None:
    plan.dies_s[victims] = scene.onset_s + scene.rng.uniform(0, spread_s, len(victims))
    plan.ejected_s[victims] = plan.dies_s[victims] + scene.rng.uniform(*DETECTION_S, len(victims))


def _region_outage(scene: _Scene, plan: Plan) -> Plan:
    region = int(scene.rng.integers(len(REGIONS)))
    _kill(scene, plan, np.flatnonzero(scene.fleet.ranker_region == region), 1.5)
    return replace(plan, truth=scene.truth({semconv.CLOUD_REGION: REGIONS[region]}, {}))


def _queue_saturation(scene: _Scene, plan: Plan) -> Plan:
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
    _kill(scene, plan, victims, 1.5)
    entity = {semconv.SERVICE_NAME: "ranker"}
    detail: dict[str, float | str] = {"lost": float(lost), "of": float(len(local)), "region": REGIONS[region]}
    return replace(plan, truth=scene.truth(entity, detail, tuple(scene.host(int(v)) for v in victims)))


def _bad_version(scene: _Scene, plan: Plan) -> Plan:
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


def _network_delay(scene: _Scene, plan: Plan) -> Plan:
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


def _error_burst(scene: _Scene, plan: Plan) -> Plan:
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


_PLANNERS: Final[Mapping[FaultName, Callable[[_Scene, Plan], Plan]]] = {
    "none": _none,
    "slow-gpu": _slow_gpu,
    "region-outage": _region_outage,
    "bad-version": _bad_version,
    "network-delay": _network_delay,
    "queue-saturation": _queue_saturation,
    "error-burst": _error_burst,
}

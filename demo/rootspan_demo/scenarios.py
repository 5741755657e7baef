"""Plans what else befalls a fleet: further faults, two at once, and events that are nobody's fault.

One planner for each signature of the root-cause engine that the basic faults do not have. Sizes are drawn so
that users, or at least the part itself, suffer; none was chosen by what the engine answers.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan import semconv
from rootspan_demo.faults import Planner, kill
from rootspan_demo.fleet import REGIONS, ZONES, Instance
from rootspan_demo.plan import NEVER, Crowd, Cut, Mix, Note, Plan, Scene, SlowNode, Surge
from rootspan_demo.traffic import MODELS
from rootspan_demo.truth import PEER_SERVICE, Truth

__all__ = ["SCENARIO_PLANNERS"]

Ints = NDArray[np.int64]
_LEVELS: Final[Mapping[str, str]] = {
    semconv.HOST_NAME: "host",
    semconv.HOST_RACK: "rack",
    semconv.NETWORK_SWITCH: "switch",
    semconv.CLOUD_ZONE: "zone",
    semconv.CLOUD_REGION: "region",
}
XID: Final = "NVRM: Xid (PCI:0000:{bus:02x}:00): 79, pid='<unknown>', GPU has fallen off the bus."


def _ranker_instances(scene: Scene) -> list[Instance]:
    return [scene.fleet.instances[int(one)] for one in scene.fleet.rankers]


def _place(one: Instance) -> Mapping[str, str]:
    return {
        semconv.HOST_NAME: one.host,
        semconv.HOST_RACK: one.rack,
        semconv.NETWORK_SWITCH: one.switch,
        semconv.CLOUD_ZONE: ZONES[one.zone][0],
        semconv.CLOUD_REGION: REGIONS[one.region],
    }


def _rankers_at(scene: Scene, name: str, value: str) -> Ints:
    return np.array([i for i, one in enumerate(_ranker_instances(scene)) if _place(one)[name] == value])


def _draw_place(scene: Scene, name: str) -> Ints:
    """Rankers of a place: one that holds several and is not all of a wider place, if there is such."""
    wider = {semconv.HOST_RACK: semconv.CLOUD_ZONE, semconv.NETWORK_SWITCH: semconv.CLOUD_ZONE}
    values = sorted({_place(one)[name] for one in _ranker_instances(scene)})
    members = {value: _rankers_at(scene, name, value) for value in values}
    places = [_place(one) for one in _ranker_instances(scene)]
    fit = [
        value
        for value, rows in members.items()
        if len(rows) > 1
        and (
            name not in wider
            or len(rows) < len(_rankers_at(scene, wider[name], places[int(rows[0])][wider[name]]))
        )
    ]
    pool = fit or [value for value, rows in members.items() if len(rows) > 1] or values
    return members[pool[int(scene.rng.integers(len(pool)))]]


def _place_truth(scene: Scene, victims: Ints, *, service: bool, detail: Mapping[str, float | str]) -> Truth:
    """Every place that holds exactly the victims is a right answer."""
    found: list[Truth] = []
    places = [_place(one) for one in _ranker_instances(scene)]
    for name, level in _LEVELS.items():
        value = places[int(victims[0])][name]
        if set(_rankers_at(scene, name, value).tolist()) != set(victims.tolist()):
            continue
        entity = {name: value} | ({semconv.SERVICE_NAME: "ranker"} if service else {})
        found.append(replace(scene.truth(entity, detail), levels=frozenset({level})))
    return replace(found[0], others=tuple(found[1:]))


def _place_outage(name: str) -> Planner:
    def plan_outage(scene: Scene, plan: Plan) -> Plan:
        victims = _draw_place(scene, name)
        kill(scene, plan, victims, 1.5)
        detail = {"lost": float(len(victims))}
        return replace(plan, truth=_place_truth(scene, victims, service=False, detail=detail))

    return plan_outage


def _failover(scene: Scene, plan: Plan) -> Plan:
    """Most of a region's rankers die, so that the rest is given up and its traffic moves."""
    region = int(scene.rng.integers(len(REGIONS)))
    local = scene.rng.permutation(np.flatnonzero(scene.fleet.ranker_region == region))
    victims = np.sort(local[: int(np.ceil(scene.rng.uniform(0.8, 0.9) * len(local)))])
    kill(scene, plan, victims, 1.5)
    hosts = tuple(scene.host(int(one)) for one in victims)
    truth = scene.truth({}, {"lost": float(len(victims)), "region": REGIONS[region]}, hosts)
    whole = replace(scene.truth({semconv.CLOUD_REGION: REGIONS[region]}, {}), levels=frozenset({"region"}))
    return replace(plan, truth=replace(truth, others=(whole,)))


def _place_slow(name: str, factors: tuple[float, float]) -> Planner:
    def plan_slow(scene: Scene, plan: Plan) -> Plan:
        victims = _draw_place(scene, name)
        factor = scene.rng.uniform(*factors)
        plan.changed_s[victims] = scene.onset_s
        plan.forward_factor[victims] = factor
        plan.embed_factor[victims] = 1 + (factor - 1) * scene.rng.uniform(0.6, 0.9)
        plan.clock_factor[victims] = 1 / factor
        plan.heat_c[victims] = scene.rng.uniform(8, 15)
        plan.throttled[victims] = True
        detail = {"forward_factor": factor}
        return replace(plan, truth=_place_truth(scene, victims, service=True, detail=detail))

    return plan_slow


def _model_slow(scene: Scene, plan: Plan) -> Plan:
    model = int(scene.rng.integers(len(MODELS)))
    factor = scene.rng.uniform(1.3, 1.5) if model == 0 else scene.rng.uniform(1.5, 2.2)
    plan.changed_s[:] = scene.onset_s
    entity = {semconv.SERVICE_NAME: "ranker", semconv.GEN_AI_REQUEST_MODEL: MODELS[model]}
    factors = tuple(factor if i == model else 1.0 for i in range(len(MODELS)))
    return replace(plan, model_factor=factors, truth=scene.truth(entity, {"factor": factor}))


def _store_host(scene: Scene, store: int) -> str:
    return scene.fleet.instances[int(np.concatenate(scene.fleet.stores)[store])].host


def _noisy_neighbour(scene: Scene, plan: Plan) -> Plan:
    store = int(scene.rng.integers(len(plan.store_factor)))
    plan.store_changed_s[store] = scene.onset_s
    plan.store_factor[store] = scene.rng.uniform(2.5, 5.0)
    entity = {semconv.SERVICE_NAME: "feature-store", semconv.HOST_NAME: _store_host(scene, store)}
    return replace(plan, truth=scene.truth(entity, {"factor": float(plan.store_factor[store])}))


def _distant_symptom(scene: Scene, plan: Plan) -> Plan:
    plan.store_changed_s[:] = scene.onset_s
    plan.store_factor[:] = scene.rng.uniform(2.0, 5.0)
    entity = {semconv.SERVICE_NAME: "feature-store"}
    return replace(plan, truth=scene.truth(entity, {"factor": float(plan.store_factor[0])}))


def _config_change(scene: Scene, plan: Plan) -> Plan:
    plan.changed_s[:] = scene.onset_s
    plan.forward_factor[:] = scene.rng.uniform(1.25, 1.5)
    note = Note(
        second=scene.onset_s - 0.5,
        instance=int(scene.fleet.rankers[0]),
        severity="INFO",
        body="max_candidates 512 to 900",
        event="rootspan.change",
        attributes={"change.kind": "config", "change.author": "deployer"},
    )
    truth = scene.truth({semconv.SERVICE_NAME: "ranker"}, {"factor": float(plan.forward_factor[0])})
    return replace(plan, notes=(note,), truth=truth)


def _network_node(scene: Scene, plan: Plan) -> Plan:
    victims = _draw_place(scene, semconv.NETWORK_SWITCH)
    behind = np.zeros(len(plan.dies_s), dtype=np.bool_)
    behind[victims] = True
    delay = scene.rng.uniform(0.003, 0.010)
    truth = _place_truth(scene, victims, service=False, detail={"delay_ms": delay * 1e3})
    levels = frozenset({"switch", "rack", "zone", "edge"})
    names = (truth, *truth.others)
    first, *rest = (replace(one, levels=levels, others=()) for one in names)
    return replace(
        plan, slow_node=SlowNode(behind, scene.onset_s, delay), truth=replace(first, others=tuple(rest))
    )


def _network_partition(scene: Scene, plan: Plan) -> Plan:
    region = int(scene.rng.integers(len(REGIONS)))
    zones = sorted({one.zone for one in _ranker_instances(scene) if one.region == region})
    zone = zones[int(scene.rng.integers(len(zones)))]
    share = scene.rng.uniform(0.3, 1.0)
    entity = {
        semconv.SERVICE_NAME: "balancer",
        PEER_SERVICE: "ranker",
        semconv.CLOUD_REGION: REGIONS[region],
        semconv.CLOUD_ZONE: ZONES[zone][0],
    }
    cut = Cut(region, zone, scene.onset_s, share)
    return replace(plan, cut=cut, truth=scene.truth(entity, {"share": share}))


def _hot_instance(scene: Scene, plan: Plan) -> Plan:
    victim = int(scene.rng.integers(len(plan.dies_s)))
    local = int((scene.fleet.ranker_region == scene.fleet.ranker_region[victim]).sum())
    share = min(0.9, scene.rng.uniform(0.95, 1.3) / (scene.load * local))
    entity = {semconv.SERVICE_NAME: "ranker", semconv.HOST_NAME: scene.host(victim)}
    crowd = Crowd(victim, share, scene.onset_s)
    return replace(plan, crowd=crowd, truth=scene.truth(entity, {"share": share, "of": float(local)}))


def _code_path(scene: Scene, plan: Plan) -> Plan:
    plan.changed_s[:] = scene.onset_s
    plan.skip_share[:] = scene.rng.uniform(0.3, 0.9)
    truth = scene.truth({semconv.SERVICE_NAME: "ranker"}, {"share": float(plan.skip_share[0])})
    return replace(plan, truth=truth)


def _gpu_xid(scene: Scene, plan: Plan) -> Plan:
    victim = int(scene.rng.integers(len(plan.dies_s)))
    plan.changed_s[victim] = scene.onset_s
    plan.error_share[victim] = scene.rng.uniform(0.5, 1.0)
    note = Note(
        second=scene.onset_s,
        instance=int(scene.fleet.rankers[victim]),
        severity="ERROR",
        body=XID.format(bus=int(scene.rng.integers(16, 200))),
    )
    entity = {semconv.SERVICE_NAME: "ranker", semconv.HOST_NAME: scene.host(victim)}
    detail = {"error_share": float(plan.error_share[victim])}
    return replace(plan, notes=(note,), truth=scene.truth(entity, detail))


def _upgrade(scene: Scene, plan: Plan, victims: Ints, roll_out_s: float) -> Plan:
    slower = scene.rng.uniform(1.35, 1.7)
    plan.upgraded_s[victims] = scene.onset_s + np.linspace(0, roll_out_s, len(victims))
    plan.changed_s[victims] = plan.upgraded_s[victims]
    plan.forward_factor[victims] = slower
    entity = {semconv.SERVICE_NAME: "ranker", semconv.SERVICE_VERSION: "3.9.0"}
    detail = {"forward_factor": slower, "hosts": float(len(victims))}
    return replace(plan, new_version="3.9.0", truth=scene.truth(entity, detail))


def _slow_rollout(scene: Scene, plan: Plan) -> Plan:
    """A bad version that reaches host after host until the end."""
    share = scene.rng.uniform(0.4, 0.7)
    victims = scene.rng.permutation(len(plan.dies_s))[: max(3, round(share * len(plan.dies_s)))]
    return _upgrade(scene, plan, victims, 0.8 * (scene.config.duration_s - scene.onset_s))


def _canary(scene: Scene, plan: Plan) -> Plan:
    """A bad version on two or three hosts."""
    victims = scene.rng.permutation(len(plan.dies_s))[: int(scene.rng.integers(2, 4))]
    return _upgrade(scene, plan, victims, 10.0)


def _slow_host(scene: Scene, plan: Plan, factors: tuple[float, float]) -> Plan:
    victim = int(scene.rng.integers(len(plan.dies_s)))
    factor = scene.rng.uniform(*factors)
    plan.changed_s[victim] = scene.onset_s
    plan.forward_factor[victim] = factor
    plan.embed_factor[victim] = factor
    plan.clock_factor[victim] = 1 / factor
    plan.heat_c[victim] = scene.rng.uniform(11, 20)
    plan.throttled[victim] = True
    entity = {semconv.SERVICE_NAME: "ranker", semconv.HOST_NAME: scene.host(victim)}
    return replace(plan, truth=scene.truth(entity, {"forward_factor": factor}))


def _intermittent(scene: Scene, plan: Plan) -> Plan:
    return replace(_slow_host(scene, plan, (2.2, 3.2)), pulse_s=float(scene.rng.uniform(30, 60)))


def _two_faults(scene: Scene, plan: Plan) -> Plan:
    """A slow GPU, and a feature store that fails."""
    plan = _slow_host(scene, plan, (1.8, 2.8))
    store = int(scene.rng.integers(len(plan.store_changed_s)))
    plan.store_changed_s[store] = scene.onset_s + scene.rng.uniform(-45, 45)
    plan.store_error_share[store] = scene.rng.uniform(0.15, 0.5)
    entity = {semconv.SERVICE_NAME: "feature-store", semconv.HOST_NAME: _store_host(scene, store)}
    second = scene.truth(entity, {"error_share": float(plan.store_error_share[store])})
    return replace(plan, truth=replace(plan.truth, others=(second,)))


def _traffic_surge(scene: Scene, plan: Plan) -> Plan:
    # Up to nine tenths of what the instances can serve: beyond that they refuse, and somebody has to act.
    factor = min(scene.rng.uniform(1.4, 1.8), 0.9 / scene.load)
    surge = Surge(scene.onset_s, factor)
    return replace(plan, surge=surge, truth=scene.truth({}, {"factor": factor}))


def _mix_shift(scene: Scene, plan: Plan) -> Plan:
    share = scene.rng.uniform(0.4, 0.6)
    return replace(plan, mix=Mix(scene.onset_s, share), truth=scene.truth({}, {"wide_share": share}))


def _long_requests(scene: Scene, plan: Plan) -> Plan:
    factor = scene.rng.uniform(1.6, 2.4)
    mix = Mix(scene.onset_s, NEVER, factor)
    return replace(plan, mix=mix, truth=scene.truth({}, {"tokens_factor": factor}))


def _missing_telemetry(scene: Scene, plan: Plan) -> Plan:
    """Some rankers serve on, but nothing that they send arrives any more."""
    count = max(1, round(scene.rng.uniform(0.1, 0.3) * len(plan.dies_s)))
    mute = scene.rng.permutation(scene.fleet.rankers)[:count]
    plan.muted_s[mute] = scene.onset_s
    return replace(plan, truth=scene.truth({}, {"muted": float(count)}))


def _late_telemetry(scene: Scene, plan: Plan) -> Plan:
    """A slow GPU, while the last minutes of a third of all senders have not arrived yet."""
    plan = _slow_host(scene, plan, (1.8, 2.8))
    late = scene.rng.random(len(plan.muted_s)) < 0.33
    late[scene.fleet.rankers[np.isfinite(plan.changed_s)]] = False
    plan.muted_s[late] = scene.config.duration_s - scene.rng.uniform(60, 150)
    return plan


def _clock_skew(scene: Scene, plan: Plan) -> Plan:
    """A slow GPU, while every clock is off by milliseconds and a fifth of them by seconds."""
    plan = _slow_host(scene, plan, (1.8, 2.8))
    size = len(plan.clock_s)
    far = scene.rng.random(size) < 0.2
    plan.clock_s[:] = np.where(far, scene.rng.uniform(-5, 5, size), scene.rng.normal(0, 0.004, size))
    return plan


SCENARIO_PLANNERS: Final[Mapping[str, Planner]] = {
    "zone-outage": _place_outage(semconv.CLOUD_ZONE),
    "rack-outage": _place_outage(semconv.HOST_RACK),
    "failover": _failover,
    "rack-throttle": _place_slow(semconv.HOST_RACK, (1.4, 2.2)),
    "region-slow": _place_slow(semconv.CLOUD_REGION, (1.25, 1.5)),
    "model-slow": _model_slow,
    "noisy-neighbour": _noisy_neighbour,
    "distant-symptom": _distant_symptom,
    "config-change": _config_change,
    "network-node": _network_node,
    "network-partition": _network_partition,
    "hot-instance": _hot_instance,
    "code-path": _code_path,
    "gpu-xid": _gpu_xid,
    "slow-rollout": _slow_rollout,
    "canary": _canary,
    "intermittent": _intermittent,
    "two-faults": _two_faults,
    "late-telemetry": _late_telemetry,
    "clock-skew": _clock_skew,
    "traffic-surge": _traffic_surge,
    "mix-shift": _mix_shift,
    "long-requests": _long_requests,
    "missing-telemetry": _missing_telemetry,
}

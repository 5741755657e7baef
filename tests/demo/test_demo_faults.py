"""Faults: what was planted is there, from the onset on, at its place and nowhere else."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from rootspan_demo.config import FAULT_NAMES, FaultName, FleetConfig
from rootspan_demo.fleet import REGIONS
from rootspan_demo.flow import ANSWERED, LOST
from rootspan_demo.journeys import Attempts
from rootspan_demo.recording import Recording, simulate

END_NS = 1_790_000_000_000_000_000
SEEDS = (1, 2, 3, 4)
SETTLED_NS = 8 * 10**9
"""By then dead instances are ejected."""


@dataclass(frozen=True)
class Halves:
    """Attempts before the onset, and from a few seconds after it on."""

    recording: Recording
    before: Attempts
    after: Attempts

    def host(self, instance: int) -> str:
        return self._instance(instance)

    def _instance(self, instance: int) -> str:
        fleet = self.recording.fleet
        if instance < len(fleet.instances):
            return fleet.instances[instance].host
        upgraded = np.flatnonzero(np.isfinite(self.recording.plan.upgraded_s))
        return fleet.instances[int(fleet.rankers[upgraded[instance - len(fleet.instances)]])].host

    def hosts(self, instances: NDArray[np.int64]) -> NDArray[np.str_]:
        names = {int(one): self._instance(int(one)) for one in np.unique(instances)}
        return np.array([names[int(one)] for one in instances])


def play(fault: FaultName, seed: int) -> Halves:
    config = FleetConfig(
        end_unix_ns=END_NS,
        hosts=12,
        minutes=4,
        seed=seed,
        fault=fault,
        sampling_ratio=0.5,
        onset_before_end_s=100,
    )
    recording = simulate(config)
    onset = END_NS - 100 * 10**9
    if fault != "none":
        assert recording.truth.onset_unix_ns == onset
    calls = recording.journeys.attempts
    roll_out = SETTLED_NS if fault != "bad-version" else 25 * 10**9
    return Halves(
        recording, calls.where(calls.client_start < onset), calls.where(calls.client_start > onset + roll_out)
    )


def answered(calls: Attempts) -> Attempts:
    return calls.where(calls.outcome == ANSWERED)


def medians(groups: NDArray[np.str_], values: NDArray[np.int64]) -> dict[str, float]:
    return {str(one): float(np.median(values[groups == one])) for one in np.unique(groups)}


def ratios(halves: Halves, start: str, end: str) -> dict[str, float]:
    """Median duration after over before, by ranker host, for the base model without failures."""
    found = []
    for calls in (answered(halves.before), answered(halves.after)):
        good = calls.where((calls.failed == 0) & (calls.model == 0))
        found.append(medians(halves.hosts(good.ranker), getattr(good, end) - getattr(good, start)))
    before, after = found
    return {host: after[host] / before[host] for host in after}


def gaps_ms(halves: Halves, edge: str) -> dict[int, float]:
    """Growth of the mean gap between client and server, by zone of the callee.

    The mean, because a zone's callers are near and far, and a median jumps between the two.
    """
    means = []
    fleet = halves.recording.fleet
    for calls in (answered(halves.before), answered(halves.after)):
        trips = halves.recording.journeys.trips
        if edge == "gateway-balancer":
            where, client = trips.balancer[calls.trip], trips.client_end - trips.client_start
            gap = (client - (trips.balancer_end - trips.balancer_start))[calls.trip]
        elif edge == "balancer-ranker":
            where = np.where(calls.ranker < len(fleet.instances), calls.ranker, fleet.rankers[0])
            gap = calls.client_end - calls.client_start - (calls.server_end - calls.server_start)
        else:
            where, gap = (
                calls.store,
                calls.fetch_end - calls.fetch_start - (calls.store_end - calls.store_start),
            )
        zone = fleet.zone[where]
        means.append({int(one): float(gap[zone == one].mean()) / 1e6 for one in np.unique(zone)})
    before, after = means
    return {one: after[one] - before[one] for one in after}


@pytest.mark.parametrize("seed", SEEDS)
def test_slow_gpu_slows_both_stages_of_one_host_and_its_gauges_say_so(seed: int) -> None:
    halves = play("slow-gpu", seed)
    victim = halves.recording.truth.entity["host.name"]
    forward, embed = (
        ratios(halves, "forward_start", "forward_end"),
        ratios(halves, "embed_start", "embed_end"),
    )
    assert forward.pop(victim) > 1.5
    assert embed.pop(victim) > 1.25
    for others in (forward, embed):
        assert all(0.9 < ratio < 1.1 for ratio in others.values())
    _, values = halves.recording._gauges
    position = [halves.host(int(one)) for one in halves.recording.fleet.rankers].index(victim)
    clock, throttled, heat = values[:, :, 2], values[:, :, 3], values[:, :, 4]
    assert clock[-1, position] < 0.75 * np.median(clock[-1])
    assert clock[5, position] > 0.95 * np.median(clock[5])
    assert throttled[-3:, position].all()
    assert heat[-1, position] > np.delete(heat[-1], position).max()


@pytest.mark.parametrize("seed", SEEDS)
def test_region_outage_moves_all_traffic_to_the_other_region(seed: int) -> None:
    halves = play("region-outage", seed)
    lost = REGIONS.index(halves.recording.truth.entity["cloud.region"])
    region = np.array([one.region for one in halves.recording.fleet.instances])
    assert set(region[answered(halves.after).ranker].tolist()) == {1 - lost}
    assert set(region[answered(halves.before).ranker].tolist()) == {0, 1}
    wait = [
        np.mean(c.work_start - c.server_start) / 1e6 for c in map(answered, (halves.before, halves.after))
    ]
    assert wait[1] > 2 * wait[0]
    assert halves.recording.counts["lost"] > 0
    assert not (halves.before.outcome == LOST).any()
    _, values = halves.recording._gauges
    dead = halves.recording.fleet.ranker_region == lost
    assert np.isnan(values[-1, dead]).all()
    assert not np.isnan(values[-1, ~dead]).any()
    assert not np.isnan(values[3]).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_queue_saturation_loses_some_instances_and_queues_grow_in_that_region_only(seed: int) -> None:
    halves = play("queue-saturation", seed)
    truth, fleet = halves.recording.truth, halves.recording.fleet
    region = np.array([one.region for one in fleet.instances])
    after = answered(halves.after)
    assert not set(halves.hosts(np.unique(after.ranker)).tolist()) & set(truth.hosts)
    hit = REGIONS.index(str(truth.detail["region"]))
    assert {one.region for one in fleet.instances if one.host in truth.hosts} == {hit}
    local = sum(one.service == "ranker" and one.region == hit for one in fleet.instances)
    assert 0 < len(truth.hosts) < local
    racks = {one.rack for one in fleet.instances if one.service == "ranker" and one.region == hit}
    assert {one.rack for one in fleet.instances if one.rack in racks and one.host not in truth.hosts} == racks

    def mean_wait(calls: Attempts, where: int) -> float:
        here = answered(calls)
        here = here.where((region[here.ranker] == where) & (region[here.balancer] == where))
        return float(np.mean(here.work_start - here.server_start))

    assert mean_wait(halves.after, hit) > 2 * mean_wait(halves.before, hit)
    assert mean_wait(halves.after, 1 - hit) < 1.5 * mean_wait(halves.before, 1 - hit)
    assert all(0.9 < one < 1.1 for one in ratios(halves, "forward_start", "forward_end").values())


@pytest.mark.parametrize("seed", SEEDS)
def test_bad_version_is_slower_or_fails_on_upgraded_hosts_of_both_regions_only(seed: int) -> None:
    halves = play("bad-version", seed)
    fleet, truth = halves.recording.fleet, halves.recording.truth
    after = answered(halves.after)
    new = after.ranker >= len(fleet.instances)
    upgraded = set(halves.hosts(np.unique(after.ranker[new])).tolist())
    assert len(upgraded) == truth.detail["hosts"]
    assert {one.region for one in fleet.instances if one.host in upgraded} == {0, 1}
    assert not (answered(halves.before).ranker >= len(fleet.instances)).any()
    factor, errors = float(truth.detail["forward_factor"]), float(truth.detail["error_share"])
    assert factor > 1.25 or errors >= 0.02
    for host, ratio in ratios(halves, "forward_start", "forward_end").items():
        assert ratio == pytest.approx(factor if host in upgraded else 1.0, rel=0.1)
    assert (after.failed[new] > 0).mean() == pytest.approx(errors, abs=0.012)
    assert (after.failed[~new] > 0).mean() < 0.003


@pytest.mark.parametrize("seed", SEEDS)
def test_network_delay_widens_the_gap_of_one_edge_and_slows_no_server(seed: int) -> None:
    halves = play("network-delay", seed)
    slow, truth = halves.recording.plan.slow_edge, halves.recording.truth
    assert slow is not None
    for edge in ("gateway-balancer", "balancer-ranker", "ranker-store"):
        for zone, growth in gaps_ms(halves, edge).items():
            hit = edge == slow.edge and zone in slow.zones
            if hit:
                assert growth == pytest.approx(float(truth.detail["delay_ms"]), rel=0.15)
            else:
                assert abs(growth) < 0.1
    assert all(0.9 < one < 1.1 for one in ratios(halves, "forward_start", "forward_end").values())
    assert all(0.9 < one < 1.1 for one in ratios(halves, "store_start", "store_end").values())


@pytest.mark.parametrize("seed", SEEDS)
def test_error_burst_fails_requests_of_one_service_on_one_host_only(seed: int) -> None:
    halves = play("error-burst", seed)
    truth = halves.recording.truth
    after = answered(halves.after)
    shares: dict[tuple[str, str], float] = {}
    for service, code, who in (("ranker", 1, after.ranker), ("feature-store", 2, after.store)):
        hosts = halves.hosts(who)
        shares |= {
            (service, str(h)): float((after.failed[hosts == h] == code).mean()) for h in np.unique(hosts)
        }
    hit = shares.pop((truth.entity["service.name"], truth.entity["host.name"]))
    assert hit == pytest.approx(float(truth.detail["error_share"]), abs=0.06)
    assert max(shares.values()) < 0.01
    before = answered(halves.before)
    assert (before.failed > 0).mean() < 0.002


@pytest.mark.parametrize("seed", SEEDS)
def test_a_healthy_fleet_drifts_by_a_few_percent_only(seed: int) -> None:
    halves = play("none", seed)
    assert not halves.recording.truth.matches({"kind": "host", "entity": {"host.name": "gpu-001"}})
    for stage in (
        ("forward_start", "forward_end"),
        ("embed_start", "embed_end"),
        ("store_start", "store_end"),
    ):
        assert all(0.9 < ratio < 1.1 for ratio in ratios(halves, *stage).values())
    assert halves.recording.counts["lost"] == 0
    trips = halves.recording.journeys.trips
    assert 0 < (trips.status != 200).mean() < 0.002


def test_seeds_differ_in_onset_place_and_size() -> None:
    for fault in FAULT_NAMES:
        if fault == "none":
            continue
        truths = [
            simulate(
                FleetConfig(
                    end_unix_ns=END_NS, hosts=12, minutes=0.5, seed=seed, fault=fault, sampling_ratio=0.01
                )
            ).truth
            for seed in range(6)
        ]
        assert len({truth.onset_unix_ns for truth in truths}) == 6
        if fault != "bad-version":
            assert len({(str(dict(truth.entity)), truth.hosts) for truth in truths}) > 1
        if fault != "region-outage":
            assert len({str(dict(truth.detail)) for truth in truths}) > 1


def test_the_onset_lies_five_to_nine_minutes_before_the_end_of_a_long_recording() -> None:
    for seed in range(3):
        config = FleetConfig(
            end_unix_ns=END_NS, hosts=4, minutes=21, seed=seed, fault="slow-gpu", sampling_ratio=0.0001
        )
        onset = simulate(config).truth.onset_unix_ns
        assert onset is not None
        assert 300 <= (END_NS - onset) / 1e9 <= 540

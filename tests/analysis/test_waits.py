"""Queues: crowded instances are told from an overloaded service, a lost region and a slow host."""

from dataclasses import replace

import numpy as np
import pytest
from test_code_paths import scene as make_scene

from rootspan_analysis.candidates.waits import find_waits
from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import Interval
from rootspan_analysis.reader import Floats

HOSTS = [f"gpu-{i:03d}" for i in range(1, 7)]
REGIONS = ["east"] * 3 + ["west"] * 3
USUAL_MS = 10.0


def _found(now_calls: list[float], now_wait_ms: list[float], seed: int = 1) -> list[tuple[str, str]]:
    """Faults and hosts found where hosts that had 100 calls a bucket have others, and wait otherwise."""
    scene = replace(make_scene(), root_ms=80.0)
    rng = np.random.default_rng(seed)
    size, first = scene.timeline.size, scene.timeline.first

    def spread(before: float, now: list[float]) -> Floats:
        levels = np.repeat(np.full((6, 1), before), size, axis=1)
        levels[:, first:] = np.array(now)[:, None]
        return levels

    n = rng.poisson(spread(100, now_calls)).astype(float)
    wait_ms = n * spread(USUAL_MS, now_wait_ms) * rng.lognormal(0, 0.05, n.shape)
    zero = np.zeros_like(n)
    keys = {
        name: np.array(values, dtype=np.object_)
        for name, values in {
            "service": ["ranker"] * 6,
            "operation": ["Ranker/Rank"] * 6,
            "host": HOSTS,
            "region": REGIONS,
            **{name: [""] * 6 for name in ("gpu", "version", "model", "zone")},
        }.items()
    }
    values = {"n": n, "wait_ms": wait_ms, "weight": n, "self_ms": zero, "log_sum": zero, "errors": zero}
    scene = replace(scene, incident=Interval(first, size))
    return [(one.fault, one.entity.get("host.name", "")) for one in find_waits(Cells(keys, values), scene)]


@pytest.mark.parametrize("seed", range(3))
def test_instances_that_get_all_of_their_region_s_calls_are_named_and_not_the_service(seed: int) -> None:
    found = _found([280, 10, 10, 280, 10, 10], [40, 0, 0, 40, 0, 0], seed)
    assert found == [("hot_instance", "gpu-001,gpu-004")]


def test_instances_of_unequal_waits_are_one_fault_of_the_balancing() -> None:
    found = _found([280, 10, 10, 250, 25, 25], [400, 0, 0, 230, 0, 0])
    assert found == [("hot_instance", "gpu-001,gpu-004")]


def test_an_instance_that_is_sent_too_much_and_keeps_up_is_named_with_the_one_that_does_not() -> None:
    found = _found([280, 10, 10, 250, 25, 25], [400, 0, 0, 11, 0, 0])
    assert found == [("hot_instance", "gpu-001,gpu-004")]


def test_calls_that_chance_may_have_sent_crowd_nobody() -> None:
    assert _found([260, 20, 20, 135, 82, 83], [60, 2, 2, 10, 10, 10]) == [("hot_instance", "gpu-001")]


def test_one_crowded_instance_is_named_alone() -> None:
    assert _found([260, 20, 20, 100, 100, 100], [60, 2, 2, 10, 10, 10]) == [("hot_instance", "gpu-001")]


def test_more_calls_for_all_are_no_balancer_s_fault() -> None:
    assert {fault for fault, _ in _found([300] * 6, [50] * 6)} == {"saturated_queue"}


def test_a_region_that_takes_the_other_s_traffic_has_no_crowded_instance() -> None:
    assert {fault for fault, _ in _found([200] * 3 + [1] * 3, [50] * 3 + [0] * 3)} == {"saturated_queue"}


def test_longer_waits_with_the_usual_calls_are_no_crowding() -> None:
    assert {fault for fault, _ in _found([100] * 6, [50, *[10] * 5])} == {"saturated_queue"}


def test_queues_as_they_were_are_nothing() -> None:
    assert _found([100] * 6, [10] * 6) == []

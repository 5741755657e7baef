"""Processors against their own history: contention is found, bursts of quiet times are not."""

import numpy as np
import pytest
from test_code_paths import cells, keys, scene

from rootspan_analysis.candidates.processors import Processors, find_busy
from rootspan_analysis.cells import COMPONENT_KEYS, Cells

BEFORE, SERVICES = 180, 12


def processors(seed: int, now: float = 0.0) -> Processors:
    """Twelve services with a burst now and then; the first uses `now` times its usual in the window."""
    rng = np.random.default_rng(seed)
    level = 5 * rng.lognormal(0, 0.2, (SERVICES, BEFORE + 3))
    level[rng.random(level.shape) < 0.02] *= 4
    if now:
        level[0, BEFORE:] = 5 * now
    names = [f"service-{i}" for i in range(SERVICES)]
    return Processors(["k8s.pod.cpu.utilization"] * SERVICES, names, [""] * SERVICES, level, BEFORE, 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_processor_taken_away_is_found(seed: int) -> None:
    found = find_busy(processors(seed, now=30), cells(), scene())
    assert [one.service for one in found] == ["service-0"]
    assert found[0].p_value <= 0.01


@pytest.mark.parametrize(("calls", "found"), [(1.0, ["balancer"]), (6.0, [])])
def test_an_instance_that_is_sent_more_is_busier_for_it(calls: float, found: list[str]) -> None:
    """Its service's other instance is sent as much less, and the calls rise in the second half only."""
    known = processors(1)
    known.service[0], known.host[0] = "balancer", "lb-01"
    known.level[0, BEFORE:] = 5 * 6
    moment = scene()
    n = np.full((2, moment.timeline.size), 60.0)
    half = (moment.incident.start + moment.incident.stop) // 2
    n[:, half:] = [[60 * calls], [120 - 20 * calls]]
    rows = [{"service": "balancer", "operation": "choose", "host": host} for host in ("lb-01", "lb-02")]
    busy = find_busy(known, Cells(keys(COMPONENT_KEYS, rows), {"n": n}), moment)
    assert [one.service for one in busy] == found


def test_an_instance_that_asks_again_and_again_is_busier_for_it() -> None:
    known = processors(1)
    known.service[0], known.host[0] = "balancer", "lb-01"
    known.level[0, BEFORE:] = 5 * 3
    moment = scene()
    n = np.full((1, moment.timeline.size), 60.0)
    children = n.copy()
    children[:, moment.incident.start :] *= 6
    row = {"service": "balancer", "operation": "choose", "host": "lb-01"}
    for made, found in ((n, ["balancer"]), (children, [])):
        busy = Cells(keys(COMPONENT_KEYS, [row]), {"n": n, "children": made})
        assert [one.service for one in find_busy(known, busy, moment)] == found


def test_bursts_are_not_contention() -> None:
    alarms = sum(bool(find_busy(processors(seed), cells(), scene())) for seed in range(100))
    assert alarms <= 2


def test_without_a_past_nothing_is_said() -> None:
    known = processors(1, now=30)
    known.level[:, : BEFORE - 2] = np.nan
    assert find_busy(known, cells(), scene()) == []

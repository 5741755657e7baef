"""Processors against their own history: contention is found, bursts of quiet times are not."""

import numpy as np
import pytest
from test_code_paths import cells, scene

from rootspan_analysis.candidates.processors import Processors, find_busy

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


def test_bursts_are_not_contention() -> None:
    alarms = sum(bool(find_busy(processors(seed), cells(), scene())) for seed in range(100))
    assert alarms <= 2


def test_without_a_past_nothing_is_said() -> None:
    known = processors(1, now=30)
    known.level[:, : BEFORE - 2] = np.nan
    assert find_busy(known, cells(), scene()) == []

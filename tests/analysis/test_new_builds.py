"""A new build that is slow is named before a minute is over; one that is warming up, or alone, is not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from test_code_paths import scene as make_scene

from rootspan_analysis.candidates.components import find_slow
from rootspan_analysis.cells import Cells
from rootspan_analysis.finding import Finding
from rootspan_analysis.prominence import stands_out
from rootspan_analysis.reader import Floats

OLD = 12
CALLS = 30.0
USUAL_MS = 8.0
SCENE = replace(make_scene(), root_ms=40.0)
TIMELINE = SCENE.timeline


def _named(times: Sequence[float], *, machines: int, seed: int = 1) -> list[Finding]:
    """What stands out while no user notices, with a new build on machines for as many buckets as `times` has.

    Args:
        times: How many times the usual a call of it takes, by bucket.
    """
    rng = np.random.default_rng(seed)
    since = TIMELINE.size - len(times)
    rows, size = OLD + machines, TIMELINE.size
    factor = np.ones((rows, size))
    factor[OLD:, since:] = times
    n = rng.poisson(np.full((rows, size), CALLS)).astype(float)
    n[OLD:, :since] = 0.0
    mean_log = np.log(factor * USUAL_MS) + rng.normal(0, 0.25, n.shape) / np.sqrt(np.maximum(n, 1))
    values = _values(n, n * mean_log, n * USUAL_MS * factor)
    keys = {
        name: np.array(column, dtype=np.object_)
        for name, column in {
            "service": ["ranker"] * rows,
            "operation": ["Rank"] * rows,
            "host": [f"gpu-{i:03d}" for i in range(rows)],
            "version": ["3.8.2"] * OLD + ["3.9.0"] * machines,
            **{name: [""] * rows for name in ("gpu", "model", "zone", "region")},
        }.items()
    }
    first = {("ranker", "3.8.2"): 0, ("ranker", "3.9.0"): TIMELINE.at_ns(since)}
    scene = replace(SCENE, first_seen_ns=first)
    return [one for one in find_slow(Cells(keys, values), scene) if stands_out(one, TIMELINE)]


def _values(n: Floats, log_sum: Floats, self_ms: Floats) -> dict[str, Floats]:
    zero = np.zeros_like(n)
    return {
        "n": n,
        "weight": n,
        "log_sum": log_sum,
        "self_ms": self_ms,
        "errors": zero,
        "wait_ms": zero,
        "size": zero,
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_build_that_is_slow_on_several_machines_is_named_after_three_buckets(seed: int) -> None:
    found = _named([1.45, 1.45, 1.45], machines=3, seed=seed)
    assert [dict(one.entity) for one in found] == [{"service.name": "ranker", "service.version": "3.9.0"}]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("times", [[1.8, 1.4, 1.1], [1.6, 1.5, 1.0], [1.8, 1.5, 1.25, 1.1, 1.0]])
def test_a_build_that_is_warming_up_is_not(times: list[float], seed: int) -> None:
    assert _named(times, machines=3, seed=seed) == []


def test_one_machine_alone_has_to_be_slow_for_a_minute() -> None:
    assert _named([1.6, 1.6, 1.6], machines=1) == []
    assert _named([1.6] * 7, machines=1) != []


def test_two_buckets_are_too_few() -> None:
    assert _named([1.6, 1.6], machines=3) == []


def test_a_build_that_is_as_fast_as_the_last_is_nothing() -> None:
    assert _named([1.0] * 7, machines=3) == []

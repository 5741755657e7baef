"""A machine that is ill for some of its calls only is named, and not chance, nor nothing."""

from dataclasses import replace

import numpy as np
import pytest
from test_code_paths import scene as make_scene

from rootspan_analysis.candidates.components import find_slow
from rootspan_analysis.cells import Cells

HOSTS, MODELS = 12, ("wide", "deep", "tiny")
CALLS = 40.0
USUAL_MS = 8.0
SCENE = replace(make_scene(), root_ms=40.0)


def _named(times: dict[tuple[int, int], float], seed: int) -> list[dict[str, str]]:
    """What is found where calls of (host, model) take so many times the usual in the window."""
    rng = np.random.default_rng(seed)
    rows, size = HOSTS * len(MODELS), SCENE.timeline.size
    factor = np.ones((rows, size))
    for (host, model), value in times.items():
        factor[host * len(MODELS) + model, SCENE.timeline.first :] = value
    n = rng.poisson(np.full((rows, size), CALLS)).astype(float)
    log_sum = n * (np.log(factor * USUAL_MS) + rng.normal(0, 0.25, n.shape) / np.sqrt(np.maximum(n, 1)))
    zero = np.zeros_like(n)
    values = {"n": n, "weight": n, "log_sum": log_sum, "self_ms": n * USUAL_MS * factor}
    values |= dict.fromkeys(("errors", "wait_ms", "size"), zero)
    hosts = [f"gpu-{i:03d}" for i in range(HOSTS)]
    keys = {
        "service": ["ranker"] * rows,
        "operation": ["Rank"] * rows,
        "host": [host for host in hosts for _ in MODELS],
        "model": [*MODELS] * HOSTS,
        **{name: [""] * rows for name in ("gpu", "version", "zone", "region")},
    }
    columns = {name: np.array(column, dtype=np.object_) for name, column in keys.items()}
    return [dict(one.entity) for one in find_slow(Cells(columns, values), SCENE)]


@pytest.mark.parametrize("seed", range(3))
def test_a_machine_that_is_slow_for_one_of_its_models_is_named(seed: int) -> None:
    found = _named({(3, 1): 2.5}, seed)
    assert found
    assert all(one == {"service.name": "ranker", "host.name": "gpu-003"} for one in found)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_is_slow_on_all_machines_is_the_model(seed: int) -> None:
    found = _named({(host, 1): 1.5 for host in range(HOSTS)}, seed)
    assert found
    assert all(one == {"service.name": "ranker", "gen_ai.request.model": "deep"} for one in found)


@pytest.mark.parametrize("seed", range(3))
def test_machines_as_they_were_are_nothing(seed: int) -> None:
    assert _named({}, seed) == []

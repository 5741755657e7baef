"""Queues: the vectorised recursion against an event loop that serves one job after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rootspan_demo.queues import serve_fifo


def _one_by_one(
    server: NDArray[np.int64],
    arrival: NDArray[np.float64],
    service: NDArray[np.float64],
    free_at: NDArray[np.float64],
    max_wait: float,
) -> tuple[list[float], list[bool]]:
    starts, refusals = [], []
    for who, at, needs in zip(server, arrival, service, strict=True):
        start = max(at, free_at[who])
        refused = start - at > max_wait
        if not refused:
            free_at[who] = start + needs
        starts.append(start)
        refusals.append(bool(refused))
    return starts, refusals


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    servers=st.integers(1, 6),
    jobs=st.integers(0, 120),
    load=st.floats(0.2, 4.0),
    max_wait=st.sampled_from([0.0, 0.05, 0.4, 1e9]),
    slices=st.integers(1, 4),
)
def test_starts_and_refusals_equal_a_naive_event_loop(
    *, seed: int, servers: int, jobs: int, load: float, max_wait: float, slices: int
) -> None:
    rng = np.random.default_rng(seed)
    server = rng.integers(0, servers, jobs)
    arrival = 1000.0 + np.sort(rng.uniform(0, 1, jobs))
    service = rng.exponential(load * servers / max(jobs, 1), jobs) + 1e-4
    free, naive_free = np.zeros(servers), np.zeros(servers)
    starts: list[float] = []
    refusals: list[bool] = []
    for part in np.array_split(np.arange(jobs), slices):
        start, refused = serve_fifo(server[part], arrival[part], service[part], free, max_wait)
        starts += start.tolist()
        refusals += refused.tolist()
    expected_starts, expected_refusals = _one_by_one(server, arrival, service, naive_free, max_wait)
    margin = np.abs(np.array(expected_starts) - arrival - max_wait) if jobs else np.empty(0)
    if (margin[arrival < np.array(expected_starts)] < 1e-9).any():
        return  # a wait that equals the bound but for rounding may be decided either way
    assert refusals == expected_refusals
    np.testing.assert_allclose(starts, expected_starts, atol=1e-8, rtol=0)
    np.testing.assert_allclose(free, naive_free, atol=1e-8, rtol=0)


def test_mean_wait_is_what_queueing_theory_says() -> None:
    rng = np.random.default_rng(3)
    jobs, load = 400_000, 0.7
    arrival = np.cumsum(rng.exponential(1.0, jobs))
    service = rng.exponential(load, jobs)
    start, refused = serve_fifo(np.zeros(jobs, dtype=np.int64), arrival, service, np.zeros(1), 1e9)
    assert not refused.any()
    # M/M/1: rho / (1 - rho) times the mean service time.
    assert (start - arrival).mean() == pytest.approx(load / (1 - load) * load, rel=0.08)

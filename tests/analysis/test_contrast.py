"""Statistics: what shifts is found where it is, what does not is left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from rootspan_analysis.contrast import (
    Interval,
    anscombe_z,
    call_noise,
    expected_rate,
    gumbel_p,
    interval_shift,
    normal_p,
    row_quantile,
    scan,
    scan_failures,
    without_outliers,
)

BUCKETS = 60


def series(rng: np.random.Generator, *, calls: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Excess and calls of one quiet row."""
    count = rng.poisson(calls, (1, BUCKETS)).astype(float)
    return rng.normal(0, noise, (1, BUCKETS)) * np.sqrt(count), count


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    start=st.integers(32, 50),
    shift=st.floats(0.4, 2),
    calls=st.floats(30, 300),
)
def test_a_step_is_found_at_its_onset(seed: int, start: int, shift: float, calls: float) -> None:
    rng = np.random.default_rng(seed)
    excess, count = series(rng, calls=calls, noise=0.4)
    excess[:, start:] += shift * count[:, start:]
    found = scan(excess, count, call_noise(excess, count), Interval(30, BUCKETS))
    assert found.z[0] > 6
    assert abs(int(found.start[0]) - start) <= 2
    # Quiet last buckets may be left out, but not two thirds of the step.
    assert found.stop[0] - found.start[0] >= 0.3 * (BUCKETS - start)


def test_quiet_rows_seldom_pass_the_threshold() -> None:
    rng = np.random.default_rng(5)
    rows = [series(rng, calls=60, noise=0.4) for _ in range(300)]
    excess, count = np.concatenate([one[0] for one in rows]), np.concatenate([one[1] for one in rows])
    assert (scan(excess, count, call_noise(excess, count), Interval(30, BUCKETS)).z < 6).all()


@settings(max_examples=50, deadline=None)
@given(
    excess=npst.arrays(np.float64, (3, 20), elements=st.floats(-1e6, 1e6)),
    count=npst.arrays(np.float64, (3, 20), elements=st.integers(0, 10_000)),
    constant=st.floats(-100, 100),
)
def test_scan_is_finite_and_inside_the_window_whatever_comes(
    excess: np.ndarray, count: np.ndarray, constant: float
) -> None:
    found = scan(excess + constant * count, count, call_noise(excess, count), Interval(8, 20))
    assert np.isfinite(found.z).all()
    assert (found.z >= 0).all()
    assert ((found.start >= 8) & (found.stop <= 20)).all()


def test_one_failure_among_few_calls_is_not_taken_for_much() -> None:
    count = np.full((1, BUCKETS), 10.0)
    failures = np.zeros((1, BUCKETS))
    failures[0, 45] = 1
    assert scan_failures(failures, count, np.array([0.0]), Interval(30, BUCKETS)).z[0] < 3
    failures[0, 45:50] = 4
    found = scan_failures(failures, count, np.array([0.0]), Interval(30, BUCKETS))
    assert found.z[0] > 6
    assert (found.start[0], found.stop[0]) == (45, 50)


@given(mean=st.floats(2, 1e4))
def test_anscombe_makes_a_deviation_of_poisson_s_size_one(mean: float) -> None:
    z = anscombe_z(np.array(mean + np.sqrt(mean)), np.array(mean))
    assert 0.7 < z < 1.1


def test_a_row_without_history_is_expected_to_do_as_its_stratum() -> None:
    amount, count = np.array([[30.0, 30, 0], [0, 0, 9]]), np.array([[10.0, 10, 0], [0, 0, 1]])
    base = np.array([True, True, False])
    expected = expected_rate(amount, count, base, np.array([0, 0]))
    assert expected == pytest.approx([3.0, 3.0])
    assert np.isnan(expected_rate(amount, count, base, np.array([0, 1]))[1])


def test_a_row_with_much_history_keeps_its_own_rate() -> None:
    amount, count = np.array([[10_000.0, 0], [1000, 0]]), np.array([[1000.0, 0], [1000, 0]])
    expected = expected_rate(amount, count, np.array([True, False]), np.array([0, 0]))
    assert expected == pytest.approx([10, 1], rel=0.03)


def test_shift_is_the_mean_excess_inside_and_zero_without_calls() -> None:
    shift, calls = interval_shift(
        np.array([[9.0, 4, 6], [1, 0, 0]]), np.array([[1.0, 2, 3], [1, 0, 0]]), Interval(1, 3)
    )
    assert shift == pytest.approx([2.0, 0.0])
    assert calls == pytest.approx([5.0, 0.0])


@given(
    maxima=npst.arrays(np.float64, st.integers(3, 20), elements=st.floats(0, 10)),
    low=st.floats(0, 50),
    more=st.floats(0, 50),
)
def test_p_value_is_a_probability_that_falls_with_the_value(
    maxima: np.ndarray, low: float, more: float
) -> None:
    assert 0 < gumbel_p(low + more, maxima) <= gumbel_p(low, maxima) <= 1


def test_too_few_quiet_windows_prove_nothing() -> None:
    assert gumbel_p(1e6, np.array([1.0, 2.0])) == 1.0


def test_normal_tail_matches_the_textbook() -> None:
    assert normal_p(1.959964) == pytest.approx(0.05, rel=1e-5)
    assert normal_p(40) == 1e-9


@settings(deadline=None)
@given(
    values=npst.arrays(np.float64, (4, 7), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    share=st.floats(0, 1),
)
def test_row_quantile_is_numpy_s(values: np.ndarray, share: float) -> None:
    for row, found in zip(values, row_quantile(values, share), strict=True):
        known = row[np.isfinite(row)]
        if len(known):
            assert found == pytest.approx(np.quantile(known, share), rel=1e-9, abs=1e-6)
        else:
            assert np.isnan(found)


def test_quiet_windows_tell_chance_though_half_of_them_hold_incidents() -> None:
    rng = np.random.default_rng(4)
    quiet = rng.gumbel(3, 0.4, 16)
    troubled = np.concatenate([quiet[:8], quiet[8:] + 20])
    assert gumbel_p(9.0, troubled) < 0.01
    assert gumbel_p(float(np.median(quiet)), troubled) > 0.1


def test_quiet_windows_that_happen_to_agree_make_chance_no_narrower_than_a_normal_law() -> None:
    alike = np.array([2.34, 2.34, 2.34, 2.45, 2.34, 2.05, 2.69])
    rng = np.random.default_rng(5)
    # As many tries as make 2.3 the usual maximum.
    maxima = rng.normal(0, 1, (200_000, 64)).max(axis=1)
    beyond = float((maxima > 4.0).mean())
    assert gumbel_p(4.0, alike) < beyond / 10
    assert beyond / 3 < gumbel_p(4.0, alike, deviations=True) < 10 * beyond


def test_few_calls_that_are_far_slower_are_found_and_fewer_count_less() -> None:
    rng = np.random.default_rng(6)
    count = np.zeros((1, BUCKETS))
    count[0, ::2] = 2
    excess = rng.normal(0, 0.4, (1, BUCKETS)) * np.sqrt(count)
    slow = excess.copy()
    slow[:, 50:] += 3 * count[:, 50:]
    noise = call_noise(excess, count, np.arange(BUCKETS) < 30)
    assert scan(slow, count, noise, Interval(30, BUCKETS)).z[0] > 6
    late = excess.copy()
    late[:, 56:] += 3 * count[:, 56:]
    assert (
        scan(late, count, noise, Interval(53, BUCKETS)).z[0]
        < scan(slow, count, noise, Interval(30, BUCKETS)).z[0]
    )


def test_an_earlier_incident_is_no_norm() -> None:
    count = np.full((1, BUCKETS), 20.0)
    amount = count.copy()
    amount[0, 5:10] *= 4
    base = np.arange(BUCKETS) < 40
    usual = expected_rate(without_outliers(amount, count, base), count, base, np.array([0]))
    assert usual[0] == pytest.approx(1.0, abs=0.02)

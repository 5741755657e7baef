"""A score that reads like a probability."""

from hypothesis import given
from hypothesis import strategies as st

from rootspan_analysis.confidence import confidence


def test_a_plain_cause_alone_is_nearly_certain() -> None:
    assert confidence(0, [0.8], p_value=1e-6, z=20) > 0.9


def test_two_causes_that_carry_the_same_may_both_be_likely() -> None:
    first, second = (confidence(i, [0.5, 0.5], p_value=1e-6, z=20, agreeing=1) for i in (0, 1))
    assert first == second
    assert 0.5 < first < 0.8


def test_what_carries_little_beside_another_is_unlikely() -> None:
    assert confidence(1, [0.9, 0.05], p_value=1e-6, z=20) < 0.2


@given(
    weights=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    p=st.floats(0, 1),
    z=st.floats(0, 1e4),
    agreeing=st.integers(0, 5),
)
def test_it_is_a_probability_and_agreement_never_lowers_it(
    weights: list[float], p: float, z: float, agreeing: int
) -> None:
    sure = confidence(0, weights, p_value=p, z=z, agreeing=agreeing)
    assert 0 <= sure <= 0.99
    assert confidence(0, weights, p_value=p, z=z, agreeing=agreeing + 1) >= sure

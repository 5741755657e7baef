"""A parent is named when its members shift alike, a child when it stands alone."""

import numpy as np
import pytest

from rootspan_analysis.hierarchy import WHOLE, Description, best_description

HOSTS = np.array([f"h{i:02}" for i in range(24)], dtype=object)
UNITS = {
    "host": HOSTS,
    "version": np.array([("new" if i % 3 == 0 else "old") for i in range(24)], dtype=object),
    "rack": np.array([f"r{i // 4}" for i in range(24)], dtype=object),
    "region": np.array([("east" if i < 12 else "west") for i in range(24)], dtype=object),
}
DIMENSIONS = (("host",), ("version",), ("rack",), ("region",), (WHOLE,))


def describe(shifted: np.ndarray, *, noise: float = 0.01) -> Description | None:
    rng = np.random.default_rng(3)
    shift = np.where(shifted, 0.5, 0.0) + rng.normal(0, noise, 24)
    return best_description(UNITS, DIMENSIONS, shift, np.full(24, 100.0))


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("host", "h07"), ("version", "new"), ("rack", "r2"), ("region", "west")],
)
def test_what_shares_the_shift_is_named(dimension: str, value: str) -> None:
    found = describe(UNITS[dimension] == value)
    assert found is not None
    assert (found.dimensions, found.values) == ((dimension,), (value,))
    assert found.shift == pytest.approx(0.5, abs=0.05)
    assert found.recall > 0.8


def test_everything_shifting_is_the_whole() -> None:
    found = describe(np.ones(24, dtype=bool))
    assert found is not None
    assert found.dimensions == (WHOLE,)


def test_half_of_a_region_is_not_the_region() -> None:
    shifted = np.zeros(24, dtype=bool)
    shifted[[1, 2, 5, 7, 10, 11]] = True
    found = describe(shifted)
    assert found is not None
    assert found.dimensions == ("host",)


def test_nothing_rising_is_nothing() -> None:
    assert best_description(UNITS, DIMENSIONS, np.full(24, -0.3), np.full(24, 100.0)) is None


def test_an_unknown_attribute_groups_nothing() -> None:
    units = {**UNITS, "region": np.array([""] * 24, dtype=object)}
    found = best_description(units, DIMENSIONS, (UNITS["region"] == "west") * 0.5, np.full(24, 100.0))
    assert found is not None
    assert found.dimensions != ("region",)


def test_an_unclear_member_does_not_speak_against_its_parent() -> None:
    shift = np.where(UNITS["version"] == "new", 0.5, 0.0)
    shift[[0, 3]] = 0.1
    units = {name: UNITS[name] for name in ("version", "region")}
    dimensions = (("version",), ("region",))
    weight = np.full(24, 100.0)
    assert best_description(units, dimensions, shift, weight) is None
    noise = np.where(np.isin(np.arange(24), [0, 3]), 0.2, 0.01)
    found = best_description(units, dimensions, shift, weight, noise=noise)
    assert found is not None
    assert found.values == ("new",)

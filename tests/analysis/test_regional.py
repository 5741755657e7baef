"""Answers of several stores held together: a fault of one region, or of all."""

from __future__ import annotations

import pytest

from rootspan_analysis.explanation import Cause, Explanation, Impact, Verdict
from rootspan_analysis.question import Window
from rootspan_analysis.regional import tell_regional


def answer(verdict: Verdict, *services: str) -> Explanation:
    causes = tuple(
        Cause(rank, "service", {"service.name": one}, "slow", 0.9, 0.0, None, Impact(), ())
        for rank, one in enumerate(services, start=1)
    )
    return Explanation(Window(0, 1), Window(0, 1), verdict, None, causes)


WELL, EMPTY = answer("no_fault"), answer("not_enough_data")


def test_what_one_store_alone_has_is_told_with_those_that_are_well() -> None:
    (found,) = tell_regional({"eu": WELL, "us": answer("cause_found", "profiles"), "ap": WELL})
    assert (found.store, found.others) == ("us", ("eu", "ap"))
    assert found.text == "us alone: slow (profiles); nothing is wrong in eu, ap"
    assert found.to_json()["entity"] == {"service.name": "profiles"}


def test_a_fault_of_the_same_service_everywhere_is_no_region_s() -> None:
    assert tell_regional({name: answer("cause_found", "profiles") for name in ("eu", "us")}) == ()


def test_another_fault_elsewhere_leaves_it_regional() -> None:
    found = tell_regional({"eu": answer("cause_found", "search"), "us": answer("cause_found", "profiles")})
    assert [one.store for one in found] == ["eu", "us"]
    assert "eu has another fault" in found[1].text


@pytest.mark.parametrize("others", [{}, {"eu": EMPTY}])
def test_without_another_store_that_can_tell_nothing_is_said(others: dict[str, Explanation]) -> None:
    assert tell_regional({**others, "us": answer("cause_found", "profiles")}) == ()


def test_healthy_stores_have_nothing_regional() -> None:
    assert tell_regional({"eu": WELL, "us": WELL}) == ()

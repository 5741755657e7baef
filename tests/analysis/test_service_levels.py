"""Services known by their gauges only: the one at fault is named first, quiet ones are left alone."""

from dataclasses import replace

import numpy as np
import pytest

from rootspan_analysis.candidates.service_levels import Deviation, Levels, deviations, in_order

PAST, NOW = 40, 3


def fleet(seed: int) -> list[Levels]:
    """A front end that calls two services; all scatter by five percent and fail once in a thousand calls."""
    rng = np.random.default_rng(seed)
    found = []
    for name, seconds, calls in (("front", 0.2, 600), ("search", 0.05, 900), ("pay", 0.1, 150)):
        n = rng.poisson(calls, PAST + NOW).astype(float)
        found.append(
            Levels(
                service=name,
                latency=seconds * rng.lognormal(0, 0.05, PAST + NOW),
                availability=100 * (1 - rng.binomial(n.astype(int), 0.001) / n),
                requests=n,
            )
        )
    return found


def ask(levels: list[Levels]) -> list[Deviation]:
    now = np.arange(PAST + NOW) >= PAST
    return in_order(deviations(levels, ~now, now))


def changed(
    levels: list[Levels], service: str, *, latency: float = 1.0, failing: float = 0.0
) -> list[Levels]:
    """The fleet with one service slower by a factor or failing more often in the window."""
    now = np.arange(PAST + NOW) >= PAST
    return [
        one
        if one.service != service
        else replace(
            one,
            latency=np.where(now, one.latency * latency, one.latency),
            availability=np.where(now, one.availability - 100 * failing, one.availability),
        )
        for one in levels
    ]


def test_quiet_services_are_left_alone() -> None:
    # Three services and two series each: one alarm in a hundred is what the rule allows.
    alarms = [seed for seed in range(200) if any(one.p_value < 1e-4 for one in ask(fleet(seed)))]
    assert len(alarms) <= 2, alarms


@pytest.mark.parametrize("seed", range(5))
def test_what_is_slow_below_is_named_before_its_caller(seed: int) -> None:
    levels = changed(changed(fleet(seed), "pay", latency=3.0), "front", latency=1.5)
    found = ask(levels)
    assert [one.service for one in found] == ["pay", "front"]
    assert found[0].metric == "service.latency"
    assert found[0].excess_s == pytest.approx(2 * 0.1 * found[0].requests, rel=0.3)


@pytest.mark.parametrize("seed", range(5))
def test_failures_are_named_where_they_are_most_of_the_calls(seed: int) -> None:
    found = ask(changed(changed(fleet(seed), "pay", failing=0.2), "front", failing=0.05))
    assert [one.service for one in found] == ["pay", "front"]
    assert found[0].metric == "service.availability"
    assert found[0].errors == pytest.approx(0.2 * found[0].requests, rel=0.2)


def test_one_bad_report_is_a_blip() -> None:
    levels = fleet(1)
    levels[1].availability[PAST + 1] -= 10
    assert "search" not in {one.service for one in ask(levels)}


def test_earlier_incidents_do_not_hide_the_next() -> None:
    levels = changed(fleet(2), "search", latency=2.5)
    levels[1].latency[5:12] *= 2.5
    assert ask(levels)[0].service == "search"


def test_a_view_or_a_gateway_comes_after_what_it_shows() -> None:
    found = [
        Deviation(name, "service.latency", 12.0, 1e-6, 1.0, 0.1, 0.3, score, 100.0, 20.0, 0.0)
        for name, score in (("pay_remote", 3.0), ("Api::Gateway", 2.2), ("pay", 2.0), ("pay::function", 1.9))
    ]
    named = in_order(found)
    assert [one.service for one in named] == ["pay::function", "Api::Gateway", "pay_remote"]
    assert [one.service for one in named[0].also] == ["pay"]

"""Scenarios: what is planted shows in the recording, and nowhere else."""

import numpy as np
import pytest

from rootspan_demo.config import SCENARIO_NAMES, FleetConfig, ScenarioName
from rootspan_demo.recording import Recording, simulate

END_NS = 1_795_341_600_000_000_000


def play(scenario: ScenarioName, seed: int = 3, *, hosts: int = 24, minutes: float = 1.0) -> Recording:
    return simulate(
        FleetConfig(
            end_unix_ns=END_NS,
            hosts=hosts,
            minutes=minutes,
            seed=seed,
            fault=scenario,
            sampling_ratio=0.05,
            onset_before_end_s=30.0,
        )
    )


@pytest.mark.parametrize("scenario", SCENARIO_NAMES)
def test_a_scenario_can_be_encoded_and_names_itself_nowhere(scenario: ScenarioName) -> None:
    recording = play(scenario)
    words = (scenario.encode(), scenario.replace("-", "_").encode(), b"planted", b"scenario")
    payloads = [one.payload for one in recording.requests()]
    assert sum(map(len, payloads)) > 100_000
    assert not [word for word in words for payload in payloads if word in payload.lower()]


@pytest.mark.parametrize("scenario", SCENARIO_NAMES)
def test_only_what_is_somebody_s_fault_has_an_entity(scenario: ScenarioName) -> None:
    truth = play(scenario).truth
    named = bool(truth.entity or truth.hosts)
    assert named != truth.is_harmless
    assert truth.onset_unix_ns == END_NS - 30_000_000_000


def test_a_place_that_is_all_of_a_wider_one_may_go_by_either_name() -> None:
    recording = play("zone-outage")
    truth = recording.truth
    answers = [truth, *truth.others]
    assert all(
        answer.matches({"kind": next(iter(answer.levels)), "entity": dict(answer.entity)})
        for answer in answers
    )
    assert truth.matches({"kind": "zone", "entity": {"cloud.availability_zone": "no-such-zone"}}) is False


def test_a_surge_brings_more_requests_from_the_onset_on() -> None:
    trips = play("traffic-surge").journeys.trips
    late = trips.gateway_start >= END_NS - 30_000_000_000
    assert late.sum() > 1.25 * (~late).sum()


def test_longer_requests_take_longer_by_their_tokens() -> None:
    calls = play("long-requests").journeys.attempts
    late = calls.server_start >= END_NS - 30_000_000_000
    assert np.median(calls.tokens[late]) > 1.4 * np.median(calls.tokens[~late])


def test_muted_hosts_send_nothing_after_the_onset_but_serve() -> None:
    recording = play("missing-telemetry")
    muted = np.flatnonzero(np.isfinite(recording.plan.muted_s))
    calls = recording.journeys.attempts
    served = np.isin(calls.ranker, muted) & (calls.server_end > END_NS - 29_000_000_000)
    assert served.sum() > 20
    for batch in recording._batches:
        rows = batch.rows
        assert not (np.isin(rows.instance, muted) & (rows.end > END_NS - 30_000_000_000)).any()


def test_clocks_that_are_off_move_spans_and_change_no_duration() -> None:
    recording, plain = play("clock-skew"), play("clock-skew", seed=4)
    assert np.abs(recording.plan.clock_s).max() > 1
    skewed = sum(int((batch.rows.end - batch.rows.start).sum()) for batch in recording._batches)
    assert skewed > 0
    assert not np.array_equal(recording.plan.clock_s, plain.plan.clock_s)


def test_a_crowd_goes_to_one_ranker_only() -> None:
    recording = play("hot-instance", minutes=2)
    calls = recording.journeys.attempts
    late = calls.server_start >= END_NS - 30_000_000_000
    counts = np.bincount(calls.ranker[late])
    busiest = recording.fleet.instances[int(np.argmax(counts))].host
    assert busiest == recording.truth.entity["host.name"]

"""Clocks of hosts from calls between them: bounds, chains, and what an answer makes of them."""

from collections.abc import Callable

import pytest
from bench.demo_matrix import END_NS, fill
from bench.embedded import EmbeddedStore

from rootspan_analysis import Question, explain
from rootspan_analysis.clocks import fetch_clocks, read_clocks
from rootspan_analysis.window import lay_out
from rootspan_demo.config import FleetConfig
from rootspan_demo.recording import Recording, simulate

OpenStore = Callable[[str], EmbeddedStore]
WINDOW = (END_NS - int(6 * 60e9), END_NS)


def test_no_calls_tell_of_no_clocks() -> None:
    assert read_clocks({}) == {}


def test_a_clock_lies_between_what_its_calls_allow() -> None:
    found = read_clocks({("a", "b"): (1.9, 2.3), ("a", "c"): (-0.1, 0.1), ("a", "d"): (-0.2, 0.2)})
    assert found["b"].ahead_s == pytest.approx(2.1)
    assert found["b"].is_off
    assert not found["c"].is_off
    assert found["b"].error_s >= 0.2


def test_the_narrower_chain_of_calls_wins() -> None:
    found = read_clocks({("a", "c"): (0.0, 4.0), ("a", "b"): (0.9, 1.1), ("b", "c"): (0.9, 1.1)})
    assert found["c"].ahead_s - found["a"].ahead_s == pytest.approx(2.0)
    assert found["c"].ahead_s - found["b"].ahead_s == pytest.approx(1.0)


def test_groups_that_never_call_each_other_are_not_compared() -> None:
    found = read_clocks({("a", "b"): (-0.1, 0.1), ("x", "y"): (99.9, 100.1)})
    assert abs(found["a"].ahead_s) < 0.2
    assert abs(found["x"].ahead_s + 50) < 0.2
    assert found["y"].ahead_s - found["x"].ahead_s == pytest.approx(100.0)


def test_bounds_that_contradict_themselves_become_the_error() -> None:
    found = read_clocks({("a", "b"): (3.0, 1.0)})
    assert found["b"].ahead_s - found["a"].ahead_s == pytest.approx(2.0)
    assert found["b"].error_s >= 1.0


def play(open_store: OpenStore, name: str, seed: int) -> tuple[EmbeddedStore, Recording]:
    config = FleetConfig(
        end_unix_ns=END_NS,
        hosts=16,
        minutes=13,
        seed=seed,
        fault="clock-skew" if name == "skewed" else "none",
        spans=60_000,
        onset_before_end_s=220.0,
    )
    recording = simulate(config)
    store = open_store(f"clocks_{name}_{seed}")
    fill(store, recording)
    return store, recording


@pytest.mark.parametrize("name", ["skewed", "plain"])
def test_every_clock_is_within_its_error_bar(open_store: OpenStore, name: str) -> None:
    store, recording = play(open_store, name, 5)
    question = Question(*WINDOW)
    timeline = lay_out(store, question)
    parameters = {**timeline.parameters(question), "from_ns": WINDOW[0]}
    clocks = fetch_clocks(store, parameters, spans=30_000, modulus=1)
    true_s = {
        one.host: float(ahead)
        for one, ahead in zip(recording.fleet.instances, recording.plan.clock_s, strict=True)
    }
    assert len(clocks) >= 20
    for region in (0, 1):
        hosts = [one.host for one in recording.fleet.instances if one.region == region and one.host in clocks]
        first = hosts[0]
        for host in hosts[1:]:
            apart_s = true_s[host] - true_s[first]
            told_s = clocks[host].ahead_s - clocks[first].ahead_s
            assert abs(told_s - apart_s) <= clocks[host].error_s + clocks[first].error_s
    assert any(clock.is_off and abs(clock.ahead_s) > 0.5 for clock in clocks.values()) == (name == "skewed")


def test_an_onset_is_told_by_the_clocks_of_most(open_store: OpenStore) -> None:
    for seed in range(1, 40):
        config = FleetConfig(
            end_unix_ns=END_NS,
            hosts=16,
            minutes=0.5,
            seed=seed,
            fault="clock-skew",
            sampling_ratio=0.01,
            onset_before_end_s=10.0,
        )
        recording = simulate(config)
        victim = recording.truth.entity["host.name"]
        index = next(i for i, one in enumerate(recording.fleet.instances) if one.host == victim)
        if recording.plan.clock_s[index] > 2:
            break
    store, _ = play(open_store, "skewed", seed)
    first = explain(store, Question(*WINDOW)).causes[0]
    assert first.entity["host.name"] == victim
    told = [one for one in first.evidence if "the clock of" in one.text]
    assert len(told) == 1
    assert "ahead" in told[0].text
    assert store.query_arrow(told[0].sql).num_rows > 0

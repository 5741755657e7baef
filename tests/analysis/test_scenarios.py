"""What else befalls fleets: signatures beyond the basic faults, and events that are nobody's fault."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from bench.demo_matrix import END_NS, fill, is_right
from bench.embedded import EmbeddedStore

from rootspan_analysis import Explanation, Question, explain
from rootspan_demo.config import FleetConfig, ScenarioName
from rootspan_demo.recording import Recording, simulate

OpenStore = Callable[[str], EmbeddedStore]
LAST_NS = int(6 * 60e9)


@contextmanager
def played(
    open_store: OpenStore, scenario: ScenarioName, seed: int
) -> Iterator[tuple[Recording, Explanation]]:
    config = FleetConfig(
        end_unix_ns=END_NS,
        hosts=24,
        minutes=14,
        seed=seed,
        fault=scenario,
        spans=90_000,
        onset_before_end_s=220.0,
    )
    recording = simulate(config)
    store = open_store(f"scenario_{scenario.replace('-', '_')}_{seed}")
    fill(store, recording)
    yield recording, explain(store, Question(END_NS - LAST_NS, END_NS))


@pytest.mark.parametrize(
    "scenario", ["distant-symptom", "network-partition", "hot-instance", "canary", "late-telemetry"]
)
def test_the_scenario_s_cause_is_named_first(open_store: OpenStore, scenario: ScenarioName) -> None:
    with played(open_store, scenario, 2) as (recording, answer):
        assert is_right(recording, answer), (recording.truth, answer.to_json())


@pytest.mark.parametrize("scenario", ["traffic-surge", "long-requests", "missing-telemetry"])
def test_what_is_nobody_s_fault_has_no_cause(open_store: OpenStore, scenario: ScenarioName) -> None:
    with played(open_store, scenario, 2) as (recording, answer):
        assert answer.causes == ()
        assert is_right(recording, answer), (recording.truth, answer.to_json())


def test_a_crowded_instance_is_told_from_a_slow_one(open_store: OpenStore) -> None:
    with played(open_store, "hot-instance", 3) as (recording, answer):
        first = answer.causes[0]
        assert first.fault == "hot_instance"
        assert "times its usual calls" in first.evidence[0].text
        assert recording.truth.matches(first.to_json())

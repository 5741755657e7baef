"""Every fault on a small fleet is named first, a healthy fleet is left alone, and answers can be checked."""

import pytest
from fleets import END_NS, Plant

from rootspan_demo.config import FAULT_NAMES

FAULTS = [name for name in FAULT_NAMES if name != "none"]


@pytest.mark.parametrize(
    ("fault", "seed"), [*((fault, 1) for fault in FAULTS), ("network-delay", 2), ("bad-version", 2)]
)
def test_planted_cause_is_named_first(plant: Plant, fault: str, seed: int) -> None:
    fleet = plant(fault, seed)
    answer = fleet.ask().to_json()
    assert answer["verdict"] == "cause_found"
    assert fleet.truth.matches(answer["causes"][0]), (fleet.truth, answer["causes"])


@pytest.mark.parametrize("seed", [1, 2])
def test_healthy_fleet_has_no_cause(plant: Plant, seed: int) -> None:
    answer = plant("none", seed).ask()
    assert answer.causes == ()
    assert answer.verdict == "no_fault"


def test_fleet_before_its_fault_has_no_cause(plant: Plant) -> None:
    assert plant("slow-gpu", 1).ask(last_min=5, shift_s=300).causes == ()


@pytest.mark.parametrize(("fault", "shift_s"), list(zip(FAULTS, [-60, 60] * 3, strict=True)))
def test_answer_survives_a_window_that_is_a_minute_off(plant: Plant, fault: str, shift_s: float) -> None:
    fleet = plant(fault, 1)
    causes = fleet.ask(last_min=5, shift_s=shift_s).to_json()["causes"]
    assert causes
    assert fleet.truth.matches(causes[0])


@pytest.mark.parametrize("fault", FAULTS)
def test_whole_recording_as_window_finds_the_onset_itself(plant: Plant, fault: str) -> None:
    fleet = plant(fault, 1)
    answer = fleet.ask(last_min=14)
    assert answer.causes
    assert fleet.truth.matches(answer.causes[0].to_json())


@pytest.mark.parametrize("fault", FAULTS)
def test_onset_is_told_within_a_minute(plant: Plant, fault: str) -> None:
    fleet = plant(fault, 1)
    onset = fleet.ask().causes[0].onset_unix_ns
    assert onset is not None
    assert fleet.truth.onset_unix_ns is not None
    assert abs(onset - fleet.truth.onset_unix_ns) < 75e9


@pytest.mark.parametrize("fault", FAULTS)
def test_every_evidence_runs_as_it_is_and_returns_rows(plant: Plant, fault: str) -> None:
    fleet = plant(fault, 1)
    evidence = [one for cause in fleet.ask().causes for one in cause.evidence]
    assert evidence
    for one in evidence:
        assert fleet.store.query_arrow(one.sql).num_rows > 0, one.sql
        assert any(char.isdigit() for char in one.text)


def test_slow_gpu_is_corroborated_by_its_gauges(plant: Plant) -> None:
    evidence = plant("slow-gpu").ask().causes[0].evidence
    assert any(one.signal == "metric" and "hw.gpu.clock" in one.text for one in evidence)


def test_json_has_exactly_the_contract_s_words(plant: Plant) -> None:
    answer = plant("error-burst").ask().to_json()
    assert list(answer) == [
        "window", "baseline", "verdict", "symptom", "causes", "exonerated", "telemetry", "took_ms",
    ]  # fmt: skip
    cause = answer["causes"][0]
    assert set(cause) == {
        "rank", "kind", "entity", "fault", "score", "p_value", "onset_unix_ns", "impact", "evidence",
    }  # fmt: skip
    assert set(cause["impact"]) == {"requests", "excess_s", "errors", "share", "gpu_hours"}
    assert cause["impact"]["errors"] > 0
    assert answer["window"]["to_unix_ns"] == END_NS
    assert answer["baseline"]["to_unix_ns"] <= answer["window"]["to_unix_ns"]


def test_no_more_causes_than_asked_for(plant: Plant) -> None:
    assert len(plant("queue-saturation", 1).ask(top=1).causes) == 1

"""Fleets too large to read whole: one trace in eight, hosts by the rollup, sides of edges in turn.

The planted fleets are small; the limits are lowered instead.
"""

import pytest
from fleets import END_NS, Plant

import rootspan_analysis.cells
import rootspan_analysis.window
from rootspan_analysis import Question, explain
from rootspan_analysis.window import lay_out

QUESTION = Question(END_NS - int(7 * 60e9), END_NS)


@pytest.fixture
def _low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rootspan_analysis.window, "MAX_SPANS", 50_000)
    monkeypatch.setattr(rootspan_analysis.cells, "MAX_PAIRED_HOSTS", 5)


@pytest.mark.usefixtures("_low_limits")
@pytest.mark.parametrize("fault", ["slow-gpu", "region-outage", "network-delay", "error-burst"])
def test_a_sample_still_names_the_planted_cause(plant: Plant, fault: str) -> None:
    fleet = plant(fault, 1)
    timeline = lay_out(fleet.store, QUESTION)
    assert timeline.modulus == 8
    assert timeline.has_minutes
    answer = explain(fleet.store, QUESTION)
    assert answer.causes
    assert fleet.truth.matches(answer.causes[0].to_json()), answer.to_json()["causes"]


@pytest.mark.usefixtures("_low_limits")
@pytest.mark.parametrize("seed", [1, 2])
def test_a_sample_of_a_healthy_fleet_has_no_cause(plant: Plant, seed: int) -> None:
    assert explain(plant("none", seed).store, QUESTION).causes == ()


@pytest.mark.usefixtures("_low_limits")
def test_what_a_cause_costs_is_scaled_up_from_the_sample(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = plant("error-burst", 1)
    sampled = explain(fleet.store, QUESTION).causes[0].impact.errors
    monkeypatch.undo()
    whole = explain(fleet.store, QUESTION).causes[0].impact.errors
    assert 0.6 * whole < sampled < 1.6 * whole


def test_spans_from_before_there_was_a_sample_are_read_from_the_table_of_all(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = plant("slow-gpu", 2)
    fleet.store.execute("TRUNCATE TABLE fleet_slow_gpu_2.otel_spans_sampled")
    fleet.store.execute("USE fleet_slow_gpu_2")
    monkeypatch.setattr(rootspan_analysis.window, "MAX_SPANS", 50_000)
    timeline = lay_out(fleet.store, QUESTION)
    assert not timeline.sampled
    assert timeline.modulus > 1

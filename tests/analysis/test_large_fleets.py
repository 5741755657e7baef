"""Fleets too large to read whole: one trace in eight, hosts by the rollup, sides of edges in turn.

The planted fleets are small; the limits are lowered instead.
"""

import dataclasses

import pyarrow as pa
import pytest
from fleets import END_NS, Plant

import rootspan_analysis.cells
import rootspan_analysis.window
from rootspan_analysis import Question, explain
from rootspan_analysis.views.evidence import EvidenceCourses, fetch_evidence
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


@pytest.mark.usefixtures("_low_limits")
def test_evidence_of_a_host_that_the_minutes_told_of_is_the_minutes(plant: Plant) -> None:
    fleet = plant("slow-gpu", 1)
    told = explain(fleet.store, QUESTION).causes[0].evidence[0]
    assert "otel_spans_1m" in told.sql
    _assert_slower_there(fetch_evidence(fleet.store, told, ()))


def test_evidence_of_many_calls_is_all_of_the_suspect_and_some_of_its_peers(plant: Plant) -> None:
    fleet = plant("slow-gpu", 1)
    cause = explain(fleet.store, QUESTION).causes[0]
    told = next(one for one in cause.evidence if "mean_self_ms" in one.sql)
    assert "50000" in told.sql
    some = dataclasses.replace(told, sql=told.sql.replace("50000", "500"))
    all_calls, some_calls = (_calls(fleet.store.query_arrow(one.sql)) for one in (told, some))
    assert some_calls[1] == all_calls[1]
    assert 0 < some_calls[0] < 0.8 * all_calls[0]
    for one in (told, some):
        _assert_slower_there(fetch_evidence(fleet.store, one, ()))


def _calls(table: pa.Table) -> tuple[int, int]:
    """Of the peers and of the suspect."""
    counts = [0, 0]
    for row in table.to_pylist():
        counts[row["suspect"]] += row["calls"]
    return counts[0], counts[1]


def _assert_slower_there(courses: EvidenceCourses | None) -> None:
    assert courses is not None
    assert courses.peers is not None
    assert courses.suspect.values[-2] > 1.5 * courses.peers.values[-2]
    assert courses.suspect.values[0] < 1.3 * courses.peers.values[0]

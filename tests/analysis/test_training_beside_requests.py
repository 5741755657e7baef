"""A window that holds a training job and request traffic is answered for both."""

from collections.abc import Callable

import pytest
from bench.embedded import EmbeddedStore
from bench.rca_training import fill_job
from fleets import END_NS, Fleet, fill

from rootspan_analysis import Question, explain
from rootspan_demo.config import FleetConfig
from rootspan_demo.training import TrainingConfig, TrainingFault, simulate_training

MINUTES = 12.0
STEPS = 90


def _both(store: EmbeddedStore, fault: TrainingFault, fleet_fault: str) -> Fleet:
    config = FleetConfig(
        end_unix_ns=END_NS,
        hosts=20,
        minutes=MINUTES,
        seed=1,
        fault=fleet_fault,  # type: ignore[arg-type]
        spans=80_000,
        onset_before_end_s=240.0,
    )
    truth = fill(store, config)
    recording = simulate_training(
        TrainingConfig(end_unix_ns=END_NS, fault=fault, steps=STEPS, gpus_per_host=2, seed=5)
    )
    fill_job(store, recording)
    return Fleet(store, truth)


@pytest.fixture(scope="module")
def both_ill(open_store: Callable[[str], EmbeddedStore]) -> Fleet:
    """A fleet whose one host fails requests, and a job with a straggler."""
    return _both(open_store("both_ill"), "straggler-rank", "error-burst")


def test_both_causes_are_named(both_ill: Fleet) -> None:
    answer = explain(both_ill.store, Question(END_NS - 300_000_000_000, END_NS, top=5))
    causes = [cause.to_json() for cause in answer.causes]
    assert any(both_ill.truth.matches(cause) for cause in causes), causes
    assert any(cause["fault"] == "straggler" for cause in causes), causes
    assert answer.verdict == "cause_found"
    assert [cause["rank"] for cause in causes] == list(range(1, len(causes) + 1))


def test_question_about_the_job_speaks_of_the_job_only(both_ill: Fleet) -> None:
    answer = explain(both_ill.store, Question(END_NS - 300_000_000_000, END_NS, job="llm-pretrain-7"))
    assert [cause.fault for cause in answer.causes] == ["straggler"]


def test_question_about_a_service_speaks_of_requests_only(both_ill: Fleet) -> None:
    answer = explain(both_ill.store, Question(END_NS - 300_000_000_000, END_NS, service="ranker"))
    assert answer.causes
    assert all(cause.fault != "straggler" for cause in answer.causes)

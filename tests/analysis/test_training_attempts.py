"""A restarted job: its attempts count steps and collectives anew, and each is examined by itself."""

from dataclasses import dataclass

import pytest
from bench.embedded import EmbeddedStore
from bench.rca_training import END_NS, fill_job

from rootspan_analysis import Explanation, Question, Window, explain
from rootspan_analysis.training.attempts import split_attempts
from rootspan_analysis.training.jobs import find_jobs
from rootspan_demo.training import TrainingConfig, TrainingFault, TrainingRecording, simulate_training

DAY_NS = 24 * 3600 * 10**9
PAUSE_NS = 60 * 10**9


@dataclass(frozen=True, slots=True)
class Restarted:
    """A job with two attempts, and the answer to the whole of it."""

    attempts: tuple[TrainingRecording, TrainingRecording]
    answer: Explanation


def _play(store: EmbeddedStore, end_ns: int, fault: TrainingFault, attempt: int) -> TrainingRecording:
    config = TrainingConfig(
        end_unix_ns=end_ns, fault=fault, attempt=attempt, steps=40, microbatches=2, gpus_per_host=2, seed=11
    )
    recording = simulate_training(config)
    fill_job(store, recording)
    return recording


def _restart(store: EmbeddedStore, end_ns: int, faults: tuple[TrainingFault, TrainingFault]) -> Restarted:
    second = _play(store, end_ns, faults[1], 1)
    first = _play(store, second.begin_unix_ns - PAUSE_NS, faults[0], 0)
    answer = explain(store, Question(first.begin_unix_ns, end_ns))
    return Restarted((first, second), answer)


@pytest.fixture(scope="module")
def store() -> EmbeddedStore:
    return EmbeddedStore(database="attempts")


def test_what_hung_the_attempt_before_is_named_although_the_job_goes_on(store: EmbeddedStore) -> None:
    job = _restart(store, END_NS + DAY_NS, ("hung-rank", "none"))
    causes = [one.to_json() for one in job.answer.causes]
    assert job.attempts[0].truth.matches(causes), causes
    assert len(causes) == 1


def test_the_attempt_that_goes_on_has_no_cause(store: EmbeddedStore) -> None:
    job = _restart(store, END_NS + 2 * DAY_NS, ("hung-rank", "none"))
    window = Question(job.attempts[1].begin_unix_ns, job.attempts[1].config.end_unix_ns)
    assert explain(store, window).causes == ()


def test_a_hang_is_seen_where_the_attempt_before_had_come_further(store: EmbeddedStore) -> None:
    job = _restart(store, END_NS + 3 * DAY_NS, ("none", "hung-rank"))
    causes = [one.to_json() for one in job.answer.causes]
    assert job.attempts[1].truth.matches(causes), causes
    assert job.answer.symptom is not None
    assert "(attempt 1) hangs" in job.answer.symptom.text


def test_steps_done_twice_are_not_counted_as_twice_as_long(store: EmbeddedStore) -> None:
    job = _restart(store, END_NS + 4 * DAY_NS, ("none", "none"))
    assert job.answer.causes == ()
    window = Window(job.attempts[0].begin_unix_ns, job.attempts[1].config.end_unix_ns)
    parts = split_attempts(store, find_jobs(store, window)[0])
    assert [one.attempt for one in parts] == [0, 1]
    assert [one.steps for one in parts] == [40, 40]
    assert parts[0].to_ns == parts[1].from_ns


def test_attempts_are_told_apart_where_each_node_counts_its_own_restarts(store: EmbeddedStore) -> None:
    """torchrun's agents do: the node that saw the failure is at 1, the other one at 0."""
    end_ns = END_NS + 5 * DAY_NS
    second = _play(store, end_ns, "none", 1)
    first = _play(store, second.begin_unix_ns - PAUSE_NS, "hung-rank", 0)
    store.execute(
        "ALTER TABLE otel_traces UPDATE ResourceAttributes = mapUpdate(ResourceAttributes, "
        "map('training.run.attempt', '0', "
        "'service.instance.id', concat('second-', ResourceAttributes['training.rank']))) "
        f"WHERE toUnixTimestamp64Nano(Timestamp) >= {second.begin_unix_ns - PAUSE_NS // 2} "
        f"AND toUnixTimestamp64Nano(Timestamp) < {end_ns} "
        "AND toUInt32OrZero(ResourceAttributes['training.rank']) % 4 < 2 SETTINGS mutations_sync = 2"
    )
    window = Window(first.begin_unix_ns, end_ns)
    parts = split_attempts(store, find_jobs(store, window)[0])
    assert [one.attempt for one in parts] == [0, 1]
    assert parts[0].steps < parts[1].steps == 40  # what hung made fewer, and none is counted twice
    answer = explain(store, Question(window.from_ns, window.to_ns))
    assert first.truth.matches([one.to_json() for one in answer.causes])
    assert "(attempt 1) went on from step 1000" in answer.symptom.text

"""Each fault planted in a simulated job is named first, a healthy one left alone; answers can be checked."""

import pytest
from training_jobs import PlayJob

from rootspan_analysis import Question, explain
from rootspan_analysis.views.evidence import fetch_evidence
from rootspan_demo.training import TRAINING_FAULT_NAMES, TrainingFault

FAULTS = [name for name in TRAINING_FAULT_NAMES if name != "none"]
NAMED = [name for name in FAULTS if name != "uneven-sequences"]


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_cause_is_named_first(play_job: PlayJob, fault: TrainingFault) -> None:
    played = play_job(fault)
    causes = [cause.to_json() for cause in played.ask().causes]
    assert played.recording.truth.matches(causes), (played.recording.truth, causes)


def test_healthy_job_with_a_harmless_xid_has_no_cause(play_job: PlayJob) -> None:
    answer = play_job("none").ask()
    assert (answer.verdict, answer.causes) == ("no_fault", ())


def test_uneven_sequences_are_configuration_and_name_nobody(play_job: PlayJob) -> None:
    answer = play_job("uneven-sequences").ask()
    assert (answer.verdict, answer.causes) == ("configuration", ())
    assert answer.symptom is not None
    assert "no host is at fault" in answer.symptom.text


@pytest.mark.parametrize(
    "fault", ["straggler-rank", "hung-rank", "slow-storage", "slow-link", "nan-loss", "stalled-rank"]
)
def test_onset_is_told_within_a_few_steps(play_job: PlayJob, fault: TrainingFault) -> None:
    played = play_job(fault)
    onset, planted = played.ask().causes[0].onset_unix_ns, played.recording.truth.onset_unix_ns
    assert onset is not None
    assert planted is not None
    assert abs(onset - planted) < 8e9


@pytest.mark.parametrize("fault", NAMED)
def test_every_evidence_runs_as_it_is_and_returns_rows(play_job: PlayJob, fault: TrainingFault) -> None:
    played = play_job(fault)
    evidence = [one for cause in played.ask().causes for one in cause.evidence]
    assert evidence
    for one in evidence:
        assert played.store.query_arrow(one.sql).num_rows > 0, one.sql


def test_straggler_comes_with_what_the_job_would_take_without_it(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    cause = played.ask().causes[0]
    assert any("would take" in one.text for one in cause.evidence)
    courses = [fetch_evidence(played.store, one, ()) for one in cause.evidence[:2]]
    own, steps = (one for one in courses if one is not None)
    assert own.peers is not None
    assert cause.onset_unix_ns is not None
    onset_s, norm = cause.onset_unix_ns // 10**9, dict(zip(own.peers.seconds, own.peers.values, strict=True))
    ratios = [
        (at, took / norm[at])
        for at, took in zip(own.suspect.seconds, own.suspect.values, strict=True)
        if at in norm
    ]
    assert min(ratio for at, ratio in ratios if at > onset_s) > 1.3
    assert max(ratio for at, ratio in ratios if at < onset_s) < 1.3
    assert (steps.of_steps, steps.suspect_name) == (True, "slowest rank")
    assert cause.impact.excess_s > 0
    assert cause.impact.gpu_hours == pytest.approx(cause.impact.excess_s * 16 / 3600)


@pytest.mark.parametrize(
    ("fault", "times_peers", "names"),
    [
        ("slow-link", 1.3, ("slow groups", "other groups")),
        ("long-stage", 1.2, ("", "peers")),
        ("out-of-memory", 1.2, ("", "the job's other GPUs")),
    ],
)
def test_its_course_stands_out_from_that_of_its_peers(
    play_job: PlayJob, fault: TrainingFault, times_peers: float, names: tuple[str, str]
) -> None:
    played = play_job(fault)
    cause = played.ask().causes[0]
    found = [fetch_evidence(played.store, one, ()) for one in cause.evidence]
    course = next(one for one in found if one is not None)
    assert (course.suspect_name, course.peers_name) == names
    assert course.peers is not None
    peers = dict(zip(course.peers.seconds, course.peers.values, strict=True))
    ratios = [
        value / peers[at]
        for at, value in zip(course.suspect.seconds, course.suspect.values, strict=True)
        if at in peers
    ]
    assert max(ratios) > times_peers
    # A stage was cut long from the start; the others became what they are.
    assert fault == "long-stage" or min(ratios) < max(ratios) / 1.2


def test_a_stall_is_drawn_by_who_waited_and_who_did_not(play_job: PlayJob) -> None:
    played = play_job("stalled-rank")
    found = [fetch_evidence(played.store, one, ()) for one in played.ask().causes[0].evidence]
    course = next(one for one in found if one is not None)
    assert course.peers is not None
    peers = dict(zip(course.peers.seconds, course.peers.values, strict=True))
    most = max(peers, key=lambda at: peers[at])
    own = dict(zip(course.suspect.seconds, course.suspect.values, strict=True))
    assert peers[most] > 3 * sorted(peers.values())[len(peers) // 2]
    assert own[most] < peers[most] / 2


def test_stall_that_ended_costs_what_the_job_waited(play_job: PlayJob) -> None:
    played = play_job("stalled-rank")
    cause = played.ask().causes[0]
    assert any("told of no work" in one.text for one in cause.evidence)
    assert cause.impact.excess_s > 6 * 1.5


def test_long_stage_goes_before_a_slow_link_that_costs_less(play_job: PlayJob) -> None:
    causes = play_job("long-stage-slow-link").ask().causes
    assert causes[0].fault == "long_stage"
    costs = [one.impact.excess_s for one in causes]
    assert costs == sorted(costs, reverse=True)


def test_heat_needs_the_gauges_and_a_straggler_alone_is_none(play_job: PlayJob) -> None:
    hot = play_job("thermal-throttle").ask().causes[0]
    assert any(one.signal == "metric" and "clock" in one.text for one in hot.evidence)
    assert play_job("straggler-rank").ask().causes[0].fault == "straggler"


def test_broken_gpu_outranks_the_hang_that_it_causes(play_job: PlayJob) -> None:
    causes = play_job("gpu-xid").ask().causes
    assert [one.fault for one in causes] == ["gpu_error"]
    assert any("XID 79" in one.text for one in causes[0].evidence)
    assert any(one.signal == "collective" for one in causes[0].evidence)


def test_memory_s_first_rank_is_named_and_not_those_that_nccl_aborts(play_job: PlayJob) -> None:
    causes = play_job("out-of-memory").ask().causes
    assert [one.fault for one in causes] == ["out_of_memory"]


def test_healthy_part_of_a_job_before_its_fault_has_no_cause(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    onset = played.recording.truth.onset_unix_ns
    assert onset is not None
    assert explain(played.store, Question(played.window.from_ns, onset)).causes == ()


def test_question_about_another_job_finds_no_job(play_job: PlayJob) -> None:
    played = play_job("straggler-rank")
    window = played.window
    answer = explain(played.store, Question(window.from_ns, window.to_ns, job="no-such-job"))
    assert answer.causes == ()

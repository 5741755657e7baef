"""Real jobs of four ranks under torchrun (gloo): one trace a step, hangs told, a killed rank survived."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from rootspan.training.step_ids import step_trace_id
from support.ranks import Job, RankSpan, run_job

pytest.importorskip("torch")
STEPS, HUNG_STEP, HUNG_RANK, KILLED_STEP, KILLED_RANK = 10, 6, 2, 6, 3
RANKS = {0, 1, 2, 3}


@pytest.fixture(scope="module")
def job() -> Job:
    arguments = ["--steps", str(STEPS), "--fault", "hung-collective", "--fault-step", str(HUNG_STEP)]
    return run_job("examples.ddp_training", *arguments, "--job", "llm")


def _collectives(spans: list[RankSpan], rank: int) -> list[tuple[object, ...]]:
    keys = ("op", "group", "seq", "bytes")
    mine = [span for span in spans if span.name == "train.collective" and span.rank == rank]
    return [
        tuple(span.attributes[f"training.collective.{key}"] for key in keys)
        for span in sorted(mine, key=lambda span: span.start_ns)
    ]


def test_each_step_is_one_trace_that_holds_every_rank(job: Job) -> None:
    steps = job.steps()
    assert set(steps) == set(range(STEPS))
    for number, ranks in steps.items():
        assert set(ranks) == RANKS
        assert {span.trace_id for span in ranks.values()} == {
            step_trace_id("llm", 0, number).to_bytes(16, "big")
        }
        assert {span.parent_id for span in ranks.values()} == {b""}
    assert len({span.trace_id for span in job.spans}) == STEPS + 1  # and the one of joining
    assert len({(span.trace_id, span.span_id) for span in job.spans}) == len(job.spans)


def test_every_ranks_phases_and_collectives_are_in_it_with_matching_numbers(job: Job) -> None:
    for number in range(STEPS):
        spans = [span for span in job.spans if span.step == number]
        assert len({span.trace_id for span in spans}) == 1
        for rank in RANKS:
            names = Counter(span.name for span in spans if span.rank == rank)
            assert {"train.data", "train.forward", "train.backward", "train.optimizer"} <= set(names)
            assert names["train.step"] == 1
            found = _collectives(spans, rank)
            assert found == _collectives(spans, 0)
            # The buckets of DDP's gradients (one in its first step), then the mean of the loss.
            assert len(found) == (2 if number == 0 else 3)
            assert found[-1][3] == 4
    seqs = [seq for number in range(STEPS) for _, _, seq, _ in _collectives(_of_step(job, number), 0)]
    assert seqs == list(range(len(seqs)))
    ids = {span.span_id for span in job.spans}
    assert all(span.parent_id in ids for span in job.spans if span.name not in ("train.step", "train.join"))


def test_joining_is_one_trace_in_which_each_rank_tells_how_long_it_waited(job: Job) -> None:
    joins = [span for span in job.spans if span.name == "train.join"]
    assert {span.rank for span in joins} == RANKS
    assert len(joins) == len(RANKS)
    assert {span.trace_id for span in joins} == {step_trace_id("llm", 0, -1).to_bytes(16, "big")}
    # Nobody is done before the last one came.
    assert min(span.end_ns for span in joins) >= max(span.start_ns for span in joins)
    assert max(span.end_ns for span in joins) <= min(span.start_ns for span in _of_step(job, 0))


def _of_step(job: Job, number: int) -> list[RankSpan]:
    return [span for span in job.spans if span.step == number]


def test_a_rank_is_on_its_resource_and_its_steps_summary_adds_up(job: Job) -> None:
    for ranks in job.steps().values():
        for rank, span in ranks.items():
            who = span.resource
            assert (who["training.job.id"], who["training.rank"]) == ("llm", rank)
            assert (who["training.world_size"], who["training.launcher"]) == (4, "torchrun")
            assert who["host.name"] == f"gpu-00{rank + 1}"
            took_s = (span.end_ns - span.start_ns) / 1e9
            phases = ("data", "forward", "backward", "optimizer", "collective", "checkpoint")
            assert 0 < sum(span.seconds(phase) for phase in phases) <= took_s
            assert isinstance(span.attributes["training.loss"], float)


def test_a_hang_is_told_by_those_who_wait_and_by_the_one_they_wait_for(job: Job) -> None:
    pending: dict[object, set[object]] = defaultdict(set)
    for event in job.events:
        if event["event"] == "collective.pending" and event["training.step"] == HUNG_STEP:
            pending[event["rank"]].add(event["training.collective.seq"])
            assert event["training.collective.op"] == "all_reduce"
            assert event["trace_id"] == step_trace_id("llm", 0, HUNG_STEP).to_bytes(16, "big")
    assert set(pending) == RANKS - {HUNG_RANK}
    (first,) = {min(map(int, map(str, seqs))) for seqs in pending.values()}
    status = {
        event["rank"]: event
        for event in job.events
        if event["event"] == "collective.status" and event["training.step"] == HUNG_STEP
    }
    assert set(status) == RANKS
    # The one that is stuck has nothing pending: all that it enqueued is done.
    assert status[HUNG_RANK]["training.collective.last_enqueued"] == first - 1
    assert status[HUNG_RANK]["training.collective.last_completed"] == first - 1
    assert status[0]["training.collective.group_ranks"] == (0, 1, 2, 3)
    hung = job.steps()[HUNG_STEP]
    assert {span.attributes["training.suspect"] for span in hung.values()} == {"hang"}
    # Who waited waited; who hung did not.
    assert hung[HUNG_RANK].seconds("collective") < 2 < hung[0].seconds("collective")


def test_a_killed_rank_leaves_the_telemetry_of_the_others_whole() -> None:
    arguments = ["--steps", "20", "--fault", "killed-rank", "--fault-step", str(KILLED_STEP)]
    killed = run_job("examples.ddp_training", *arguments, "--job", "llm")
    steps = killed.steps()
    survivors = RANKS - {KILLED_RANK}
    for number in range(KILLED_STEP):
        assert survivors <= set(steps[number])
        spans = _of_step(killed, number)
        for rank in survivors:
            assert _collectives(spans, rank) == _collectives(spans, 0)
    # The step in which it died ends for the others with what ended it, by an error or by torchrun's SIGTERM.
    last = steps[KILLED_STEP]
    assert set(last) == survivors
    assert max(steps) == KILLED_STEP
    for span in last.values():
        assert span.attributes["training.suspect"] == "error"
        assert span.attributes["error.type"] in ("RuntimeError", "InterruptedError", "DistBackendError")
    # And who waited for it says so, in the same collective: those whom torchrun's SIGTERM did not end before.
    pending = defaultdict(set)
    for event in killed.events:
        if event["event"] == "collective.pending":
            assert event["training.step"] == KILLED_STEP
            pending[event["training.collective.seq"]].add(event["rank"])
    assert any(len(ranks) > 1 for ranks in pending.values())
    assert set[int]().union(*pending.values()) <= survivors

"""The training examples run on real ranks, and each fault shows where it was planted, and nowhere else."""

from __future__ import annotations

from statistics import median

import pytest
from examples.ddp_training.faults import FAULTS, SLOW_S
from examples.pipeline_training import layout

from support.ranks import Job, run_job

pytest.importorskip("torch")
STEPS, FAULT_STEP = 12, 6


def _usual(job: Job, phase: str, *, after: bool) -> dict[int, float]:
    """Median seconds of a phase by rank, before or after the fault; the first steps warm up."""
    steps = job.steps()
    chosen = range(FAULT_STEP, STEPS) if after else range(2, FAULT_STEP)
    return {rank: median(steps[n][rank].seconds(phase) for n in chosen) for rank in steps[0]}


def _run_ddp(fault: str) -> Job:
    arguments = ["--steps", str(STEPS), "--fault", fault, "--fault-step", str(FAULT_STEP)]
    # Without detail: what is looked at here is what every rank of any job sends.
    job = run_job("examples.ddp_training", *arguments, "--detail", "suspects")
    assert f"{fault} on rank {FAULTS[fault]}" in job.output
    return job


def test_a_slow_rank_computes_longer_and_the_others_wait_for_it() -> None:
    job = _run_ddp("slow-rank")
    slow = FAULTS["slow-rank"]
    computing, waiting = _usual(job, "forward", after=True), _usual(job, "collective", after=True)
    assert slow is not None
    assert computing[slow] >= SLOW_S
    for rank in set(computing) - {slow}:
        assert computing[rank] < SLOW_S / 2
        assert waiting[rank] > waiting[slow]
    assert max(_usual(job, "forward", after=False).values()) < SLOW_S / 2
    # It noticed by itself, and sent the detail of these steps; its victims did not.
    suspects = {span.rank for span in job.spans if span.attributes.get("training.suspect") == "own_time"}
    assert slow in suspects
    detailed = {span.rank for span in job.spans if span.name == "train.forward" and span.step >= FAULT_STEP}
    assert slow in detailed


def test_a_slow_data_loader_shows_on_its_rank_as_waiting_for_data() -> None:
    job = _run_ddp("slow-loader")
    slow = FAULTS["slow-loader"]
    data = _usual(job, "data", after=True)
    assert slow is not None
    assert data[slow] >= SLOW_S
    assert all(seconds < SLOW_S / 2 for rank, seconds in data.items() if rank != slow)
    for ranks in job.steps().values():
        step = ranks[slow]
        assert step.seconds("data") <= (step.end_ns - step.start_ns) / 1e9


@pytest.mark.parametrize("fault", ["slow-worker", "long-stage"])
def test_a_pipeline_tells_a_slow_worker_from_a_long_stage(fault: str) -> None:
    pipeline = layout.Layout(stages=2, replicas=2)
    arguments = ["--stages", "2", "--replicas", "2", "--microbatches", "3", "--steps", str(STEPS)]
    fault_at = ["--fault", fault, "--fault-step", str(FAULT_STEP)]
    job = run_job("examples.pipeline_training", *arguments, *fault_at)
    for ranks in job.steps().values():
        assert {rank: span.resource["training.pp_rank"] for rank, span in ranks.items()} == {
            rank: pipeline.stage_of(rank) for rank in range(4)
        }
    forward = _usual(job, "forward", after=True)
    if fault == "slow-worker":
        # One worker differs from its peer in the other replica, which computes the same stage.
        (peer,) = set(pipeline.peers_of(pipeline.stage_of(layout.SLOW_RANK))) - {layout.SLOW_RANK}
        assert forward[layout.SLOW_RANK] >= 3 * layout.SLOW_S > 2 * forward[peer]
    else:
        # All workers of the stage need longer than those of the other stages, and alike.
        long = [forward[rank] for rank in pipeline.peers_of(layout.LONG_STAGE)]
        others = [value for rank, value in forward.items() if pipeline.stage_of(rank) != layout.LONG_STAGE]
        assert min(long) > 1.5 * max(others)
    _sends_meet_receives(job)


def _sends_meet_receives(job: Job) -> None:
    told = {"send": set[tuple[object, ...]](), "recv": set[tuple[object, ...]]()}
    microbatches = set()
    for span in job.spans:
        op = span.attributes.get("training.collective.op")
        if op not in told:
            continue
        peer, seq = span.attributes["training.collective.peer"], span.attributes["training.collective.seq"]
        pair = (span.rank, peer) if op == "send" else (peer, span.rank)
        told[str(op)].add((span.step, *pair, seq))
        microbatches.add(span.attributes["training.microbatch"])
    assert told["send"] == told["recv"]
    assert len(told["send"]) == STEPS * 2 * 2 * 3
    assert microbatches == {0, 1, 2}

"""Plays the job's steps: every phase, microbatch and transfer of every rank, in seconds of the recording.

Owns the pipeline's schedule (1F1B), waiting, and what a healthy job's noise is: GPUs differ a little, lengths
vary, first steps are slow, now and then a rank hiccups. Knows nothing of spans.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan_demo.training.config import TrainingConfig
from rootspan_demo.training.plan import Plan

__all__ = ["Job", "Times", "play", "usual_step_s"]

Floats = NDArray[np.float64]
FORWARD_S: Final = 0.10
BACKWARD_S: Final = 0.19
OPTIMIZER_S: Final = 0.03
DATA_S: Final = 0.02
SAVE_S: Final = 0.5
SAVE_EVERY: Final = 10
PEER_S: Final = 0.004
REDUCE_S: Final = 0.02
WARM_UP: Final = 4


def usual_step_s(config: TrainingConfig) -> float:
    """What a healthy step takes, about."""
    bubbles = config.microbatches + config.pipeline - 1
    return bubbles * (FORWARD_S + BACKWARD_S) + OPTIMIZER_S + DATA_S + REDUCE_S


@dataclass(frozen=True, slots=True)
class Times:
    """Begin and end of one kind of thing, each (steps, data, stage, tensor); NaN where it does not happen."""

    begin: Floats
    end: Floats


@dataclass(slots=True)
class Job:
    """All of a job's times.

    Attributes:
        times: By name: `step`, `data`, `forward.M`, `backward.M`, `reduce`, `optimizer`, `loss`, `save`, and
            for each microbatch the transfers `send_forward.M`, `recv_forward.M` and likewise backward.
        worked: By phase the seconds that a rank itself computed in a step, without waiting.
        idle_s: Seconds of a step in which a rank did nothing and told nothing.
    """

    config: TrainingConfig
    times: dict[str, Times] = field(default_factory=dict)
    worked: dict[str, Floats] = field(default_factory=dict)
    idle_s: Floats | float = 0.0

    def add(self, name: str, begin: Floats, end: Floats) -> None:
        """Keep the times of something; what is the same for several ranks may be given once."""
        config = self.config
        shape = (config.steps, config.data, config.pipeline, config.tensor)
        self.times[name] = Times(np.broadcast_to(begin, shape), np.broadcast_to(end, shape))


def play(config: TrainingConfig, plan: Plan, rng: np.random.Generator) -> Job:
    """Play all steps, also those that a job which stops would not reach. Begins at second 0."""
    shape = (config.steps, config.data, config.pipeline, config.tensor)
    late = np.arange(config.steps)[:, None, None, None] >= plan.onset
    axes = shape[1:]

    def of_ranks(values: Floats) -> Floats:
        """Per rank to (data, stage, tensor)."""
        return values.reshape(axes)

    def noise(sigma: float, *size: int) -> Floats:
        return np.exp(rng.normal(0, sigma, size))

    speed = noise(0.012, *axes)
    hiccup = np.where(rng.random(shape) < 0.004, rng.uniform(1.2, 1.8, shape), 1.0)
    warm = 1 + 2.0 * np.exp(-np.arange(config.steps) / 1.2)[:, None, None, None]
    warm[WARM_UP:] = 1.0
    stage = np.ones(config.pipeline)
    stage[-1] *= plan.stage * 1.03
    factor = speed * stage[None, :, None] * hiccup * warm
    factor = factor * np.where(late, of_ranks(plan.compute), 1.0)
    length = noise(plan.sequence_sigma, config.steps, config.data, config.microbatches)
    length /= length.mean()
    job = Job(config)

    bursts = rng.random(shape) < plan.bursts
    data_s = DATA_S * noise(0.25, *shape) * warm
    data_s = data_s + np.where(late & bursts, of_ranks(plan.data_s) * noise(0.3, *shape), 0.0)
    save_s = SAVE_S * noise(0.12, *shape) * np.where(late, of_ranks(plan.save), 1.0)

    spent = {
        (kind, m): base * length[:, :, None, None, m] * factor * noise(0.02, *shape)
        for kind, base in (("forward", FORWARD_S), ("backward", BACKWARD_S))
        for m in range(config.microbatches)
    }
    for kind in ("forward", "backward"):
        job.worked[kind] = np.sum([spent[kind, m] for m in range(config.microbatches)], axis=0)
    # Tensor-parallel ranks meet in every layer: they end together, and the quicker ones wait inside.
    struck = np.arange(config.steps)[:, None, None, None] == plan.onset
    job.idle_s = np.where(struck, of_ranks(plan.stall_s), 0.0)
    ready = data_s + job.idle_s
    job.add("data", np.zeros(shape), data_s)
    ready[:] = _pipeline(job, plan, spent, ready, rng)
    reduce_s = (
        REDUCE_S * noise(0.06, config.steps, 1, config.pipeline, config.tensor) * _ring(config, plan, late)
    )
    reduced = ready.max(axis=1, keepdims=True) + reduce_s
    job.add("reduce", ready.copy(), reduced)
    stepped = reduced + OPTIMIZER_S * noise(0.05, *shape) * speed
    job.add("optimizer", reduced, stepped)
    all_done = stepped.max(axis=(1, 2, 3), keepdims=True) + 0.002
    job.add("loss", stepped.copy(), all_done)
    saving = (np.arange(config.steps) % SAVE_EVERY == SAVE_EVERY - 1)[:, None, None, None]
    saved = np.where(saving, all_done + save_s, all_done)
    job.add("save", np.where(saving, all_done, np.nan), np.where(saving, saved, np.nan))
    # A step is over for a rank when it has saved; the next begins when the slowest has.
    length_s = saved.max(axis=(1, 2, 3))
    start = np.concatenate([[0.0], np.cumsum(length_s + 0.005)[:-1]])[:, None, None, None]
    job.add("step", np.zeros(shape), saved)
    for name, one in job.times.items():
        job.times[name] = Times(one.begin + start, one.end + start)
    return job


def _ring(config: TrainingConfig, plan: Plan, late: NDArray[np.bool_]) -> Floats:
    """Factor on the all-reduce of each (stage, tensor) group: its slowest link."""
    worst = np.ones((1, 1, config.pipeline, config.tensor))
    for stage in range(config.pipeline):
        for tensor in range(config.tensor):
            hosts = [config.host_of(config.rank_of(d, stage, tensor)) for d in range(config.data)]
            rings = zip(hosts, hosts[1:] + hosts[:1], strict=True)
            worst[0, 0, stage, tensor] = max(_slowness(plan, a, b) for a, b in rings)
    return np.where(late, worst, 1.0)


def _slowness(plan: Plan, one: int, other: int) -> float:
    if one == other:
        return 1.0
    return max(
        plan.link.get((one, other), 1.0),
        plan.link.get((other, one), 1.0),
        plan.link.get((one, one), 1.0),
        plan.link.get((other, other), 1.0),
    )


def _pipeline(
    job: Job, plan: Plan, spent: dict[tuple[str, int], Floats], ready: Floats, rng: np.random.Generator
) -> Floats:
    """Play 1F1B; returns when each rank has done its last backward."""
    config = job.config
    stages, batches = config.pipeline, config.microbatches
    late = (np.arange(config.steps) >= plan.onset)[:, None, None]
    free = [ready[:, :, s, :].copy() for s in range(stages)]
    done: dict[tuple[str, int, int], Floats] = {}
    shape = ready.shape
    kept: dict[str, tuple[Floats, Floats]] = {}

    def keep(name: str, stage: int, begin: Floats, end: Floats) -> None:
        if name not in kept:
            kept[name] = (np.full(shape, np.nan), np.full(shape, np.nan))
        kept[name][0][:, :, stage, :], kept[name][1][:, :, stage, :] = begin, end

    def transfer(one: int, other: int) -> Floats:
        slow = np.ones((1, config.data, config.tensor))
        for d in range(config.data):
            for t in range(config.tensor):
                a, b = (config.host_of(config.rank_of(d, s, t)) for s in (one, other))
                slow[0, d, t] = _slowness(plan, a, b)
        base = PEER_S * np.exp(rng.normal(0, 0.08, (shape[0], config.data, config.tensor)))
        return base * np.where(late, slow, 1.0)

    queues = [_order(s, stages, batches) for s in range(stages)]
    while any(queues):
        for stage in range(stages):
            if not queues[stage]:
                continue
            kind, m = queues[stage][0]
            source = stage - 1 if kind == "forward" else stage + 1
            begin = free[stage]
            if 0 <= source < stages:
                sent = done.get((kind, source, m))
                if sent is None:
                    continue
                arrived = np.maximum(sent, begin) + transfer(source, stage)
                keep(f"recv_{kind}.{m}", stage, begin, arrived)
                keep(f"send_{kind}.{m}", source, sent, arrived)
                begin = arrived
            took = spent[kind, m][:, :, stage, :].max(axis=2, keepdims=True)
            end = begin.max(axis=2, keepdims=True) + took
            end = np.broadcast_to(end, begin.shape)
            keep(f"{kind}.{m}", stage, begin, end)
            done[kind, stage, m], free[stage] = end.copy(), end.copy()
            queues[stage].pop(0)
    for name, (begin, end) in kept.items():
        job.add(name, begin, end)
    return np.stack(free, axis=2)


def _order(stage: int, stages: int, batches: int) -> list[tuple[str, int]]:
    """1F1B: warm-up forwards, then one forward and one backward in turn."""
    ahead = min(stages - stage - 1, batches)
    order = [("forward", m) for m in range(ahead)]
    for m in range(batches - ahead):
        order += [("forward", ahead + m), ("backward", m)]
    return order + [("backward", m) for m in range(batches - ahead, batches)]

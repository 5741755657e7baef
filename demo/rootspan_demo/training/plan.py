"""Turns a fault into numbers: who is slowed by how much, from which step, and what the answer should name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan import semconv
from rootspan_demo.training.config import TrainingConfig, TrainingFault

__all__ = ["Plan", "make_plan"]

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Plan:
    """What a fault does; factors apply from step `onset` on.

    Attributes:
        rank: The victim, where the fault has one.
        compute: Factor on a rank's computation, (ranks,).
        link: Factor on transfers between two hosts, by pair; a pair of equal hosts is all of a host's.
        stage: Factor on the last stage's computation, always.
        sequence_sigma: Spread of the log of microbatches' lengths, always.
        data_s: Seconds more a step for data, (ranks,).
        bursts: Share of steps in which the data comes late.
        stall_s: Seconds that a rank does nothing at the onset, once, (ranks,).
        save: Factor on a rank's saving, (ranks,).
        stops: Whether the job stops at the onset.
        kinds, entity, faults: What names it, see `TrainingTruth`.
        from_start: Whether it is there from the first step.
    """

    onset: int
    rank: int
    compute: Floats
    data_s: Floats
    stall_s: Floats
    save: Floats
    entity: dict[str, str]
    faults: frozenset[str]
    kinds: frozenset[str] = frozenset({"rank"})
    link: dict[tuple[int, int], float] = field(default_factory=dict)
    stage: float = 1.0
    sequence_sigma: float = 0.08
    bursts: float = 1.0
    stops: bool = False
    from_start: bool = False

    def name(self, fault: str, kind: str = "rank", entity: Mapping[str, str] | None = None) -> None:
        """Say what names the fault; the victim's entity stays where none is given."""
        self.faults, self.kinds = frozenset({fault}), frozenset({kind} if kind else set())
        if entity is not None:
            self.entity = dict(entity)


def make_plan(config: TrainingConfig, step_s: float, rng: np.random.Generator) -> Plan:
    """Choose victims and sizes. `step_s` is what a healthy step takes."""
    rank = int(rng.integers(config.ranks))
    data, stage, tensor = config.axes_of(rank)
    plan = Plan(
        onset=int(config.steps * rng.uniform(0.35, 0.5)),
        rank=rank,
        compute=np.ones(config.ranks),
        data_s=np.zeros(config.ranks),
        stall_s=np.zeros(config.ranks),
        save=np.ones(config.ranks),
        entity={
            semconv.TRAINING_RANK: str(rank),
            semconv.TRAINING_DP_RANK: str(data),
            semconv.TRAINING_PP_RANK: str(stage),
            semconv.TRAINING_TP_RANK: str(tensor),
            semconv.HOST_NAME: config.host_name(config.host_of(rank)),
        },
        faults=frozenset({config.fault.replace("-", "_")}),
    )
    _FAULTS[config.fault](plan, config, step_s, rng)
    return plan


def _straggler(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.compute[plan.rank] = rng.uniform(1.3, 1.7)
    plan.name("straggler")


def _throttle(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.compute[plan.rank] = rng.uniform(1.25, 1.5)


def _hosts_that_talk(config: TrainingConfig, rng: np.random.Generator) -> tuple[int, int]:
    """Hosts of neighbouring stages; without any that are apart, of neighbours in a gradient ring."""
    stages = [(d, s) for d in range(config.data) for s in range(config.pipeline - 1)]
    pairs = [
        (config.host_of(config.rank_of(d, s, 0)), config.host_of(config.rank_of(d, s + 1, 0)))
        for d, s in stages
    ]
    apart = [pair for pair in pairs if pair[0] != pair[1]] or [
        (config.host_of(config.rank_of(d, 0, 0)), config.host_of(config.rank_of(d + 1, 0, 0)))
        for d in range(config.data - 1)
    ]
    return apart[int(rng.integers(len(apart)))]


def _link(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    one, other = _hosts_that_talk(config, rng)
    plan.link[one, other] = rng.uniform(12, 20)
    entity = {semconv.HOST_NAME: config.host_name(one), "peer.host.name": config.host_name(other)}
    plan.name("slow_link", "link", entity)


def _nic(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    one, _ = _hosts_that_talk(config, rng)
    plan.link[one, one] = rng.uniform(5, 8)
    plan.name("slow_link", "host", {semconv.HOST_NAME: config.host_name(one)})


def _hang(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.stops = True
    plan.name("gpu_error" if config.fault == "gpu-xid" else "hang")


def _stall(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    # A fifth to a third of the job's time, so that a job of any length notices it.
    plan.stall_s[plan.rank] = step_s * max(6.0, config.steps * rng.uniform(0.2, 0.35))
    plan.name("stall")


def _stage_and_link(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    """A long stage, beside a link whose slowness costs less."""
    _link(plan, config, step_s, rng)
    _stage(plan, config, step_s, rng)
    plan.link = {pair: rng.uniform(4, 6) for pair in plan.link}


def _memory(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.stops = True


def _stage(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.stage, plan.from_start = rng.uniform(1.45, 1.8), True
    plan.name("long_stage", "stage", {semconv.TRAINING_PP_RANK: str(config.pipeline - 1)})


def _sequences(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.sequence_sigma, plan.from_start = 0.5, True
    plan.name("", "", {})


def _data_rank(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.data_s[plan.rank], plan.bursts = step_s * rng.uniform(0.5, 0.9), 0.6
    plan.name("data_loader")


def _storage(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.data_s[:] = step_s * rng.uniform(0.3, 0.5)
    plan.name("data_loader", "phase", {semconv.TRAINING_PHASE: "data"})


def _writer(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.save[plan.rank] = rng.uniform(3, 6)
    plan.name("checkpoint_stall")


def _saves(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.save[:] = rng.uniform(3, 6)
    plan.name("checkpoint_stall", "phase", {semconv.TRAINING_PHASE: "checkpoint"})


def _nan(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.name("non_finite")


def _none(plan: Plan, config: TrainingConfig, step_s: float, rng: np.random.Generator) -> None:
    plan.from_start = True
    plan.name("", "", {})


_FAULTS: Final[Mapping[TrainingFault, Callable[[Plan, TrainingConfig, float, np.random.Generator], None]]] = {
    "straggler-rank": _straggler,
    "thermal-throttle": _throttle,
    "slow-link": _link,
    "slow-nic": _nic,
    "hung-rank": _hang,
    "hung-gpu": _hang,
    "stalled-rank": _stall,
    "gpu-xid": _hang,
    "long-stage": _stage,
    "long-stage-slow-link": _stage_and_link,
    "uneven-sequences": _sequences,
    "slow-data-rank": _data_rank,
    "slow-storage": _storage,
    "slow-checkpoint-writer": _writer,
    "slow-checkpoint-storage": _saves,
    "out-of-memory": _memory,
    "nan-loss": _nan,
    "none": _none,
}

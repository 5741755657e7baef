"""How much of their GPU time distributed jobs turn into work: measured against a smaller run, or bounded.

Fetches and computes; what is too little is the caller's to say.

* **Scaling efficiency** of N ranks is `T1 / (N * TN)`, where T1 and TN are the times that one rank and N
  ranks need for the same work (Kumar, Grama, Gupta, Karypis: Introduction to Parallel Computing, 2nd ed.,
  5.2.3). With `r = work / rank-seconds` it is `rN / r1`. Work is counted in tokens, so it holds whether the
  ranks share a fixed batch (strong scaling) or each brings its own (weak scaling). Where no run had one rank,
  the smallest stands for it, and the figure is relative to that.
* **Parallel efficiency** is the share of the ranks' time that computes, waiting for data and writing
  checkpoints aside (POP Centre of Excellence, Standard Metrics: load balance times communication efficiency).
  It needs one run only, and is at least the scaling efficiency if N ranks compute no faster than one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rootspan_analysis.reader import Reader
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.statements import ask
from rootspan_analysis.training.step_parts import COMPUTE, fetch_shares

__all__ = ["MIN_STEPS", "Measured", "TimeUse", "WorkRate", "fetch_time_use", "fetch_work_rate", "measure"]

MIN_STEPS: Final = 10
"""Fewer steps say nothing of a rate: the first ones warm up."""
MOST_STEP_SPANS: Final = 200_000


@dataclass(frozen=True, slots=True)
class TimeUse:
    """Seconds over all ranks and the steps that were read."""

    total_s: float
    compute_s: float
    collective_s: float
    data_s: float
    checkpoint_s: float

    @property
    def parallel_s(self) -> float:
        """What distribution can be charged with: all but data and checkpoints."""
        return self.total_s - self.data_s - self.checkpoint_s

    @property
    def parallel_efficiency(self) -> float | None:
        """See the module's words; None where nothing computes."""
        return min(1.0, self.compute_s / self.parallel_s) if self.compute_s and self.parallel_s > 0 else None

    @property
    def communication_ratio(self) -> float:
        """Share of `parallel_s` in communication that computation does not hide, 0-1."""
        return self.collective_s / self.parallel_s if self.parallel_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class WorkRate:
    """What a job did in its ranks' time.

    Attributes:
        workload: `training.workload` of its resource: what names the same work in jobs of other sizes.
        steps: That were read.
        tokens_per_rank_s: 0 where the job tells no tokens.
    """

    workload: str
    steps: int
    tokens_per_rank_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A job's scaling efficiency against the smallest run of the same workload."""

    efficiency: float
    base: Job


def fetch_time_use(client: Reader, job: Job) -> TimeUse | None:
    """What a job's time was spent on; None if its spans do not tell.

    Raises:
        StoreError: The store did not answer.
    """
    if job.reading.summaries:
        (row,) = ask(
            client, "time_use", job.parameters(compute=list(dict.fromkeys(COMPUTE))), job.reading
        ).to_pylist()
        return TimeUse(**row)
    shares = fetch_shares(client, job)
    if not shares:
        return None
    return TimeUse(
        total_s=sum(one.total_s for one in shares),
        compute_s=sum(one.compute_s for one in shares),
        collective_s=sum(one.collective_s for one in shares),
        data_s=sum(one.data_s for one in shares),
        checkpoint_s=sum(one.checkpoint_s for one in shares),
    )


def fetch_work_rate(client: Reader, job: Job) -> WorkRate:
    """What a job's ranks did in a second.

    Ranks of one replica (tensor or pipeline parallel) that each tell the replica's tokens count once.

    Raises:
        StoreError: The store did not answer.
    """
    modulus = max(1, job.ranks * job.steps // MOST_STEP_SPANS)
    values = {**job.parameters(), "step_modulus": modulus}
    (row,) = ask(client, "work_rate", values, job.reading).to_pylist()
    replicas = job.dp_size or (1 if max(job.tp_size, job.pp_size) > 1 else job.ranks)
    once = min(1.0, replicas / row["telling_ranks"]) if row["telling_ranks"] else 0.0
    rate = row["tokens"] * once / row["rank_s"] if row["rank_s"] else 0.0
    return WorkRate(str(row["workload"] or ""), int(row["steps"]), rate)


def measure(found: Sequence[tuple[Job, WorkRate]]) -> dict[str, Measured]:
    """Compare jobs of one workload with the smallest of them, by job name.

    The smallest, of several the fastest, is the base and is not in the answer; nor is a job without a
    workload, without tokens, or with fewer than `MIN_STEPS` steps, or one no larger than the base.
    """
    workloads: dict[str, list[tuple[Job, WorkRate]]] = {}
    for job, rate in found:
        if rate.workload and rate.tokens_per_rank_s > 0 and rate.steps >= MIN_STEPS:
            workloads.setdefault(rate.workload, []).append((job, rate))
    measured = {}
    for runs in workloads.values():
        base, usual = min(runs, key=lambda run: (run[0].ranks, -run[1].tokens_per_rank_s))
        for job, rate in runs:
            if job.ranks > base.ranks:
                measured[job.name] = Measured(rate.tokens_per_rank_s / usual.tokens_per_rank_s, base)
    return measured

"""What training jobs cost, whether their distribution is worth it, and the sentence that says so. Pure."""

from dataclasses import dataclass
from typing import Literal

from rootspan_analysis.cost.scaling import MIN_STEPS, Measured, TimeUse, WorkRate
from rootspan_analysis.training.jobs import Job

__all__ = ["JobCost", "price_job"]

Basis = Literal["measured", "bounded", "unknown"]


@dataclass(frozen=True, slots=True)
class JobCost:
    """A training job's cost and worth.

    Attributes:
        entity: What names it, as in a cause of `why`.
        ranks: A rank counts as a GPU, from the job's first span to its last within the window.
        per_thousand_steps, per_million_tokens: None where it told none.
        efficiency: Scaling efficiency 0-1 (more than 1 where it is superlinear); None if unknown.
        basis: `measured` against the job `base` with `base_ranks`; `bounded`: it is at most that (see
            `cost.scaling`); `unknown`.
        communication_ratio: Share of its time in communication that nothing hides; None if it does not tell.
        worth_gpus: What its ranks are worth, in ranks of the base, or that compute all the time.
        wasted_cost: The part of the cost that buys no work; 0 if unknown.
        pays: False: its efficiency is below what was asked.
        text: One sentence a person can check.
    """

    job: str
    entity: dict[str, str]
    ranks: int
    steps: int
    gpu_hours: float
    cost: float
    per_thousand_steps: float | None
    per_million_tokens: float | None
    efficiency: float | None
    basis: Basis
    base: str
    base_ranks: int
    communication_ratio: float | None
    worth_gpus: float | None
    wasted_cost: float
    pays: bool
    text: str


def price_job(
    job: Job,
    use: TimeUse | None,
    rate: WorkRate,
    measured: Measured | None,
    *,
    price: float,
    min_efficiency: float,
) -> JobCost:
    """Price one job and judge it.

    Args:
        use, rate: Of it, as `cost.scaling` fetches them.
        measured: Its comparison with a smaller run; None without one. What is measured goes before a bound.
        price: Of a GPU-hour.
        min_efficiency: Below this its distribution does not pay, 0-1.
    """
    hours = job.ranks * max(0, job.last_ns - job.first_ns) / 3.6e12
    efficiency, basis = None, "unknown"
    if measured is not None:
        efficiency, basis = measured.efficiency, "measured"
    elif use is not None and job.ranks > 1 and job.steps >= MIN_STEPS:
        efficiency = use.parallel_efficiency
        basis = "unknown" if efficiency is None else "bounded"
    cost = hours * price
    tokens = rate.tokens_per_rank_s * hours * 3600
    pays = efficiency is None or efficiency >= min_efficiency
    return JobCost(
        job=job.name,
        entity=job.entity(),
        ranks=job.ranks,
        steps=job.steps,
        gpu_hours=hours,
        cost=cost,
        per_thousand_steps=1000 * cost / job.steps if job.steps else None,
        per_million_tokens=1e6 * cost / tokens if tokens else None,
        efficiency=efficiency,
        basis=basis,  # type: ignore[arg-type]  # one of the three above
        base=measured.base.name if measured else "",
        base_ranks=measured.base.ranks if measured else 0,
        communication_ratio=use.communication_ratio if use else None,
        worth_gpus=efficiency * job.ranks if efficiency is not None else None,
        wasted_cost=cost * max(0.0, 1 - efficiency) if efficiency is not None else 0.0,
        pays=pays,
        text=_sentence(job, use, measured, efficiency, min_efficiency),
    )


def _sentence(
    job: Job, use: TimeUse | None, measured: Measured | None, efficiency: float | None, wanted: float
) -> str:
    if efficiency is None:
        ranks = f"{job.ranks} ranks" if job.ranks > 1 else "1 rank"
        return f"{job.name}: {ranks}, no scaling efficiency: {_why_unknown(job)}"
    gpus, worth = f"{job.ranks} GPUs", f"{efficiency * job.ranks:.1f}"
    if measured is not None:
        base = measured.base
        basis = f"against {base.name} on {base.ranks}"
        done = f"{gpus} do the work of {worth}"
    else:
        basis = "at most, since no smaller run of the same `training.workload` was found"
        done = f"{gpus} compute as much as {worth} would without waiting"
    verdict = f"{wanted:.0%} wanted"
    if efficiency < wanted:
        verdict = f"below {wanted:.0%}: this distribution does not pay"
    said = f"{job.name}: {done}, scaling efficiency {efficiency:.0%} ({basis}), {verdict}"
    if use is not None and use.communication_ratio >= 0.01:
        share = f"{use.communication_ratio:.0%}"
        said += f"; {share} of its time goes to communication, and to the wait for others in it"
    return said


def _why_unknown(job: Job) -> str:
    if job.ranks == 1:
        return "it is not distributed"
    if job.steps < MIN_STEPS:
        return f"{job.steps} steps are fewer than {MIN_STEPS}"
    return "its steps tell neither phases nor tokens of a named `training.workload`"

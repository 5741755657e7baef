"""Asks the store what the GPUs of a window cost: services, models, jobs, and which of those do not pay."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from rootspan_analysis.cost.jobs import JobCost, price_job
from rootspan_analysis.cost.scaling import fetch_time_use, fetch_work_rate, measure
from rootspan_analysis.cost.serving import ModelCost, ServiceCost, price_models, price_services
from rootspan_analysis.errors import QuestionError
from rootspan_analysis.reader import Reader
from rootspan_analysis.training.jobs import Job, find_jobs
from rootspan_analysis.views.cost import fetch_gpu_time, fetch_model_usage, fetch_served
from rootspan_analysis.views.timespan import TimeSpan

__all__ = ["DEFAULT_MIN_EFFICIENCY", "CostQuestion", "CostReport", "price_jobs", "tell_cost"]

DEFAULT_MIN_EFFICIENCY: Final = 0.7
"""Computing centres ask for about this much before they grant more nodes."""
Verdict = Literal["pays", "does_not_pay", "not_enough_data"]


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """What to price.

    Attributes:
        from_ns, to_ns: The window, unix nanoseconds. GPU time counts in whole minutes.
        price: Of a GPU-hour, in any currency.
        min_efficiency: A job below it is reported, 0-1.
        region: Only its services and models; jobs are told for all regions only. Empty: all.

    Raises:
        QuestionError: A value makes no sense.
    """

    from_ns: int
    to_ns: int
    price: float
    min_efficiency: float = DEFAULT_MIN_EFFICIENCY
    region: str = ""

    def __post_init__(self) -> None:
        if self.to_ns <= self.from_ns:
            raise QuestionError("the window ends before it begins; swap its ends")
        if not self.price >= 0:
            raise QuestionError(f"a price of {self.price:g} is below 0; give what a GPU-hour costs")
        if not 0 <= self.min_efficiency <= 1:
            raise QuestionError(f"an efficiency of {self.min_efficiency:g} is not within 0 to 1; 0.7 is 70 %")


@dataclass(frozen=True, slots=True)
class CostReport:
    """The answer. `services` and `models` dearest first, `jobs` those that do not pay first, then likewise.

    Attributes:
        verdict: `does_not_pay` when a job's efficiency is below what was asked; `not_enough_data` when nobody
            told a GPU or a job.
        idle_ratio: Share of the services' GPU-hours that was idle, 0-1; None without any.
    """

    question: CostQuestion
    services: tuple[ServiceCost, ...]
    models: tuple[ModelCost, ...]
    jobs: tuple[JobCost, ...]

    @property
    def verdict(self) -> Verdict:
        """See the class."""
        if not self.services and not self.jobs:
            return "not_enough_data"
        return "pays" if all(one.pays for one in self.jobs) else "does_not_pay"

    @property
    def gpu_hours(self) -> float:
        """Of services, as their GPUs told."""
        return sum(one.gpu_hours for one in self.services)

    @property
    def idle_ratio(self) -> float | None:
        """See the class."""
        hours = self.gpu_hours
        return sum(one.idle_ratio * one.gpu_hours for one in self.services) / hours if hours else None

    @property
    def cost(self) -> float:
        """Of services."""
        return sum(one.cost for one in self.services)

    def to_json(self) -> dict[str, Any]:
        """As `rootspan cost --json` prints it; docs/cost.md lists the keys."""
        asked = self.question
        return {
            "window": {"from_unix_ns": asked.from_ns, "to_unix_ns": asked.to_ns},
            "price": asked.price,
            "min_efficiency": asked.min_efficiency,
            "region": asked.region,
            "verdict": self.verdict,
            "gpu_hours": self.gpu_hours,
            "idle_ratio": self.idle_ratio,
            "cost": self.cost,
            "services": [asdict(one) for one in self.services],
            "models": [asdict(one) for one in self.models],
            "jobs": [asdict(one) for one in self.jobs],
        }


def tell_cost(client: Reader, question: CostQuestion) -> CostReport:
    """Answer a question of cost.

    Raises:
        StoreError: The store did not answer.
    """
    span, region = TimeSpan(question.from_ns, question.to_ns), question.region
    found = find_jobs(client, span.window)
    trainers = {service for job in found for service in job.services}
    services, models = [], []
    gpu_time = fetch_gpu_time(client, span, region=region)
    if gpu_time.num_rows:
        served = fetch_served(client, span, region=region)
        services = price_services(gpu_time, served, question.price, trainers=trainers)
        models = price_models(gpu_time, fetch_model_usage(client, span, region=region), question.price)
    jobs = [] if region else price_jobs(client, found, question)
    return CostReport(question, tuple(services), tuple(models), tuple(jobs))


def price_jobs(client: Reader, found: Sequence[Job], question: CostQuestion) -> list[JobCost]:
    """Cost and worth of jobs, compared with each other where they share a workload; what does not pay first.

    Raises:
        StoreError: The store did not answer.
    """
    rates = [(job, fetch_work_rate(client, job)) for job in found]
    measured = measure(rates)
    jobs = [
        price_job(
            job,
            fetch_time_use(client, job),
            rate,
            measured.get(job.name),
            price=question.price,
            min_efficiency=question.min_efficiency,
        )
        for job, rate in rates
    ]
    return sorted(jobs, key=lambda one: (one.pays, -one.wasted_cost, -one.cost))

"""What services and models cost, from the read models of `views.cost`. Pure; rows dearest first."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

__all__ = ["ModelCost", "ServiceCost", "price_models", "price_services"]


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """A service in a region.

    Attributes:
        gpus: That told their utilisation.
        gpu_hours: Minutes in which a GPU told it, used or not, as hours.
        idle_ratio: Share of those below `views.cost.IDLE_BELOW`, 0-1.
        busy_ratio: Mean utilisation, 0-1.
        cost: GPU-hours at the price of one.
        requests: Served; scaled up where senders sampled.
        per_thousand: Cost of 1,000 requests; None where none was served.
    """

    service: str
    region: str
    gpus: int
    gpu_hours: float
    idle_ratio: float
    busy_ratio: float
    cost: float
    requests: float
    per_thousand: float | None


@dataclass(frozen=True, slots=True)
class ModelCost:
    """A model as a service serves it in a region.

    Attributes:
        gpu_hours: The service's there, shared among its models by the time that their requests took.
        tokens: Input and output, where spans tell them.
        per_thousand, per_million: Cost of 1,000 requests and of a million tokens; None where there are none.
    """

    model: str
    service: str
    region: str
    gpu_hours: float
    cost: float
    requests: float
    per_thousand: float | None
    tokens: float
    per_million: float | None


def price_services(
    gpu_time: pa.Table, served: pa.Table, price: float, *, trainers: Collection[str] = ()
) -> list[ServiceCost]:
    """Price the GPU time of services.

    Args:
        gpu_time: As `views.cost.fetch_gpu_time` answers.
        served: As `views.cost.fetch_served` answers.
        price: Of a GPU-hour.
        trainers: Services whose spans are steps, no requests.
    """
    requests = {
        (row["service"], row["region"]): row["requests"]
        for row in served.to_pylist()
        if row["service"] not in trainers
    }
    rows = []
    for row in gpu_time.to_pylist():
        count, hours = requests.get((row["service"], row["region"]), 0.0), row["gpu_hours"]
        rows.append(
            ServiceCost(
                service=row["service"],
                region=row["region"],
                gpus=row["gpus"],
                gpu_hours=hours,
                idle_ratio=row["idle_hours"] / hours,
                busy_ratio=row["busy_hours"] / hours,
                cost=hours * price,
                requests=count,
                per_thousand=_each(1000, hours * price, count),
            )
        )
    return sorted(rows, key=lambda one: -one.cost)


def price_models(gpu_time: pa.Table, usage: pa.Table, price: float) -> list[ModelCost]:
    """Share the GPU time of each service in each region among the models that it served there.

    Args:
        gpu_time: As `views.cost.fetch_gpu_time` answers.
        usage: As `views.cost.fetch_model_usage` answers.
        price: Of a GPU-hour.
    """
    hours = {(row["service"], row["region"]): row["gpu_hours"] for row in gpu_time.to_pylist()}
    found = [row for row in usage.to_pylist() if (row["service"], row["region"]) in hours]
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for row in found:
        seconds[row["service"], row["region"]] += row["seconds"]
    rows = []
    for row in found:
        place = row["service"], row["region"]
        spent = hours[place] * row["seconds"] / seconds[place] if seconds[place] else 0.0
        tokens = row["input_tokens"] + row["output_tokens"]
        rows.append(
            ModelCost(
                model=row["model"],
                service=row["service"],
                region=row["region"],
                gpu_hours=spent,
                cost=spent * price,
                requests=row["requests"],
                per_thousand=_each(1000, spent * price, row["requests"]),
                tokens=tokens,
                per_million=_each(1_000_000, spent * price, tokens),
            )
        )
    return sorted(rows, key=lambda one: -one.cost)


def _each(many: int, cost: float, count: float) -> float | None:
    return many * cost / count if count else None

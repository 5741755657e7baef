"""What training jobs cost, and whether their distribution is worth it: rows of a table. Pure."""

from collections.abc import Sequence

import pandas as pd

from rootspan_analysis.cost import JobCost
from rootspan_analysis.training.step_parts import LostTime, StageShare

__all__ = ["jobs_cost_frame"]


def jobs_cost_frame(jobs: Sequence[tuple[JobCost, Sequence[StageShare], Sequence[LostTime]]]) -> pd.DataFrame:
    """A row a job, in the order given: the figures of `rootspan cost`, and what the time went into.

    `job, ranks, hours, cost, per_thousand, per_million, efficiency, basis, worth, wasted, communication,
    bubbles, lost`: shares in percent, None for what a job does not tell.
    """
    rows = []
    for one, shares, lost in jobs:
        total = sum(share.total_s for share in shares)
        rows.append(
            {
                "job": one.job,
                "ranks": one.ranks,
                "hours": one.gpu_hours,
                "cost": one.cost,
                "per_thousand": one.per_thousand_steps,
                "per_million": one.per_million_tokens,
                "efficiency": _percent(one.efficiency),
                "basis": _basis(one),
                "worth": one.worth_gpus,
                "wasted": one.wasted_cost if one.efficiency is not None else None,
                "communication": _percent(one.communication_ratio),
                "bubbles": 100 * sum(share.idle_s for share in shares) / total if total else None,
                "lost": sum(who.gpu_hours for who in lost),
            }
        )
    return pd.DataFrame(rows)


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * ratio


def _basis(one: JobCost) -> str:
    if one.basis == "measured":
        return f"against {one.base} on {one.base_ranks}"
    return "at most" if one.basis == "bounded" else "not known"

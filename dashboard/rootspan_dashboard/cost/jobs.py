"""What training jobs cost, and whether their distribution is worth it: rows of a table. Pure."""

from collections.abc import Sequence

import pandas as pd

from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.step_parts import LostTime, StageShare
from rootspan_dashboard.training.shares_html import scaling_efficiency

__all__ = ["jobs_cost_frame"]


def jobs_cost_frame(
    jobs: Sequence[tuple[Job, Sequence[StageShare], Sequence[LostTime]]], price: float
) -> pd.DataFrame:
    """`job, ranks, hours, cost, per_thousand, efficiency, worth, communication, bubbles, lost, lost_cost`.

    The dearest first. A rank counts as a GPU from the job's first span to its last within the range. Shares
    are percent, None for jobs that do not tell their operations.
    """
    rows = []
    for job, shares, lost in jobs:
        hours = job.ranks * (job.last_ns - job.first_ns) / 3.6e12
        total = sum(one.total_s for one in shares)
        efficiency = scaling_efficiency(shares) if total else None
        lost_hours = sum(one.gpu_hours for one in lost)

        def share(seconds: float, total: float = total) -> float | None:
            return 100 * seconds / total if total else None

        rows.append(
            {
                "job": job.name,
                "ranks": job.ranks,
                "hours": hours,
                "cost": hours * price,
                "per_thousand": 1000 * hours * price / job.steps if job.steps else None,
                "efficiency": 100 * efficiency if efficiency is not None else None,
                "worth": efficiency * job.ranks if efficiency is not None else None,
                "communication": share(sum(one.collective_s for one in shares)),
                "bubbles": share(sum(one.idle_s for one in shares)),
                "lost": lost_hours,
                "lost_cost": lost_hours * price,
            }
        )
    frame = pd.DataFrame(rows)
    return frame.sort_values("cost", ascending=False, ignore_index=True) if rows else frame

"""What the training page shows beside the engine's models: the loss, and who comes last to collectives."""

import pyarrow as pa

from rootspan_analysis.training.jobs import Job
from rootspan_analysis.views.statements import ArrowClient, run_statement

__all__ = ["fetch_arrivals", "fetch_loss"]

MOST_POINTS = 400
MOST_RANKS = 64


def fetch_loss(client: ArrowClient, job: Job) -> pa.Table:
    """`step, loss`, the mean of what ranks told; empty where no span has `training.loss`."""
    return run_statement(
        client,
        "training_loss",
        job=job.job_id,
        services=list(job.services),
        from_ns=job.from_ns,
        to_ns=job.to_ns,
        width=max(1, -(-job.steps // MOST_POINTS)),
    )


def fetch_arrivals(client: ArrowClient, job: Job) -> pa.Table:
    """`rank, host, group, op, collectives, last, mean_late_s, most_late_s`; who was last most often first.

    Late against the median rank of the same collective by the hosts' own clocks, skew included.
    """
    return run_statement(
        client,
        "collective_arrivals",
        job=job.job_id,
        services=list(job.services),
        from_ns=job.from_ns,
        to_ns=job.to_ns,
        limit=MOST_RANKS,
    )

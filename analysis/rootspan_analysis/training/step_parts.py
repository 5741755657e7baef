"""Read models of what a job's time is spent on: shares by stage, one step in time, and who loses it.

Fetches and shapes; judges nothing.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from rootspan_analysis.reader import Reader
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.statements import ask
from rootspan_analysis.training.stragglers import COMPUTE_PHASES

__all__ = ["MAX_TIMELINE_RANKS", "LostTime", "StageShare", "fetch_lost", "fetch_shares", "fetch_timeline"]

MAX_TIMELINE_RANKS: Final = 64
MAX_TIMELINE_SPANS: Final = 12_000
MAX_LOST: Final = 20
COMPUTE: Final = (*COMPUTE_PHASES, "optimizer", "eval")


@dataclass(frozen=True, slots=True)
class StageShare:
    """GPU time of a pipeline stage, seconds over all its ranks and the steps that were read.

    Attributes:
        stage: -1 where none is told.
        total_s: Of the ranks' steps; the others add up to it.
        compute_s: Forward, backward, optimizer, evaluation.
        collective_s: Communication that computation does not hide.
        data_s, checkpoint_s: Likewise waiting for data, and writing checkpoints.
        idle_s: Covered by none of them: bubbles of the pipeline, and what nobody told.
    """

    stage: int
    ranks: int
    steps: int
    total_s: float
    compute_s: float
    collective_s: float
    data_s: float
    checkpoint_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class LostTime:
    """How long a job waited for one rank, and what that is over all its ranks."""

    rank: int
    host: str
    steps: int
    excess_s: float
    gpu_hours: float


def fetch_shares(client: Reader, job: Job) -> tuple[StageShare, ...]:
    """Where the time of each stage goes; empty for jobs that tell no operations beside their steps.

    Raises:
        StoreError: The store did not answer.
    """
    if not job.reading.step_spans:
        return ()
    table = ask(client, "step_shares", job.parameters(compute=list(dict.fromkeys(COMPUTE))), job.reading)
    return tuple(StageShare(**row) for row in table.to_pylist())


def fetch_timeline(client: Reader, job: Job, step: int, ranks: tuple[int, ...]) -> pa.Table:
    """One step: `rank, stage, host, phase, op, microbatch, group, seq, p2p, start_ns, duration_ns`.

    Args:
        ranks: Whose; at most `MAX_TIMELINE_RANKS` of them are read.

    Raises:
        StoreError: The store did not answer.
    """
    names = [str(one) for one in ranks[:MAX_TIMELINE_RANKS]]
    values = job.parameters(step=step, ranks=names, most=MAX_TIMELINE_SPANS)
    return ask(client, "step_timeline", values, job.reading)


def fetch_lost(client: Reader, job: Job) -> tuple[LostTime, ...]:
    """Ranks by what the job waited for them, the most expensive first; empty without peers to compare.

    Raises:
        StoreError: The store did not answer.
    """
    values = job.parameters(by_tensor=int(job.dp_size > 1), phases=list(COMPUTE_PHASES), most=MAX_LOST)
    # Of sampled steps each stands for as many.
    weight = job.ranks * job.step_modulus / 3600
    return tuple(
        LostTime(
            rank=row["rank"],
            host=row["host"],
            steps=row["steps"] * job.step_modulus,
            excess_s=row["excess_s"] * job.step_modulus,
            gpu_hours=row["excess_s"] * weight,
        )
        for row in ask(client, "lost_by_rank", values, job.reading).to_pylist()
    )

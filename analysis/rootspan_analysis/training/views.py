"""Read models of the training page: jobs, step times, rank x step heat, straggler ranking, who hangs.

Fetches and shapes; judges nothing beyond what the SQL compares. Colours and words are the page's. Every
function may be called with any job that `fetch_jobs` returned, and every answer may be empty.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.question import Window
from rootspan_analysis.reader import Floats, Ints, Reader, strings
from rootspan_analysis.training.hang import Hang, find_hang
from rootspan_analysis.training.jobs import Job, find_jobs
from rootspan_analysis.training.placement import NOWHERE, fetch_places
from rootspan_analysis.training.statements import ask
from rootspan_analysis.training.steps import StepTimes, fetch_step_times
from rootspan_analysis.training.stragglers import COMPUTE_PHASES, MIN_RATIO, lagging_stretch

__all__ = [
    "JobOverview",
    "PhaseShare",
    "RankHeat",
    "RankLag",
    "StepTimes",
    "fetch_hang",
    "fetch_heat",
    "fetch_jobs",
    "fetch_overview",
    "fetch_step_times",
    "fetch_stragglers",
]

WHOLE_STEP: Final = ""
"""The phase that stands for the step itself."""


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """Seconds that a rank spends in a phase of a step.

    Attributes:
        mean_s, median_s, most_s: Over ranks and steps.
        share: Of the mean step, 0-1; phases may overlap, so shares may add up to more than 1.
    """

    phase: str
    mean_s: float
    median_s: float
    most_s: float
    share: float


@dataclass(frozen=True, slots=True)
class JobOverview:
    """A job at a glance.

    Attributes:
        job: Shape and identity; what the other functions take.
        first_step, last_step: Smallest and largest step number in the window; -1 if none is told.
        median_step_s, worst_step_s: Over steps, of a step's slowest rank; NaN if no step is told.
        phases: Longest first. May be empty.
    """

    job: Job
    first_step: int
    last_step: int
    median_step_s: float
    worst_step_s: float
    phases: tuple[PhaseShare, ...]


@dataclass(frozen=True, slots=True)
class RankHeat:
    """Rank x step, of one phase. Rows ascend by rank, columns by step.

    Attributes:
        ranks, dp, tp, stage: (rows,); -1 where unknown.
        hosts: (rows,), empty strings where unknown.
        first_step: Step number at which each column begins.
        width: Steps in a column; the last may have fewer.
        seconds: (rows, columns), mean over a column's steps; NaN where the rank told nothing.
        ratio: Likewise, to the median of the ranks of the same stage at the same step; 1 is normal.
    """

    ranks: Ints
    dp: Ints
    tp: Ints
    stage: Ints
    hosts: tuple[str, ...]
    first_step: Ints
    width: int
    seconds: Floats
    ratio: Floats


@dataclass(frozen=True, slots=True)
class RankLag:
    """How much longer a rank computes than its data-parallel peers.

    Attributes:
        dp, tp, stage: -1 where unknown.
        op: The operation that is compared, such as `forward`.
        steps: Steps compared.
        share_of_steps: Of those in which it took at least 1.1 times the peers' median.
        ratio: Median over steps of its time to the peers' median.
        excess_s: Seconds beyond the peers' median, all steps together.
        is_straggler: Whether there is a stretch of steps in which it lags by the engine's rule.
        first_step, last_step: That stretch; -1 without one.
    """

    rank: int
    dp: int
    tp: int
    stage: int
    host: str
    op: str
    steps: int
    share_of_steps: float
    ratio: float
    excess_s: float
    is_straggler: bool
    first_step: int
    last_step: int


def fetch_jobs(client: Reader, window: Window, *, job: str = "", service: str = "") -> list[Job]:
    """Jobs that sent spans in the window, those with most spans first.

    Raises:
        StoreError: The store did not answer.
    """
    return find_jobs(client, window, job=job, service=service)


def fetch_overview(client: Reader, job: Job) -> JobOverview:
    """A job's steps and phases.

    Raises:
        StoreError: The store did not answer.
    """
    times = fetch_step_times(client, job)
    mean_step = float(times.median_s.mean()) if len(times.step) else float("nan")
    table = ask(client, "phase_shares", job.parameters(), job.reading)
    phases = tuple(
        PhaseShare(
            phase=row["phase"],
            mean_s=row["mean_s"],
            median_s=row["median_s"],
            most_s=row["most_s"],
            share=row["mean_s"] / mean_step if mean_step > 0 else float("nan"),
        )
        for row in table.to_pylist()
    )
    return JobOverview(
        job=job,
        first_step=int(times.step[0]) if len(times.step) else -1,
        last_step=int(times.step[-1]) if len(times.step) else -1,
        median_step_s=float(np.median(times.slowest_s)) if len(times.step) else float("nan"),
        worst_step_s=float(times.slowest_s.max()) if len(times.step) else float("nan"),
        phases=phases,
    )


def fetch_heat(
    client: Reader, job: Job, phase: str = WHOLE_STEP, *, columns: int = 120, rows: int = 256
) -> RankHeat:
    """Rank x step of a phase, or of the whole step.

    Args:
        phase: One of the overview's phases; empty for the step itself.
        columns: Most columns; of more steps, some share one.
        rows: Most ranks; of more, those with the largest mean ratio.

    Raises:
        StoreError: The store did not answer.
    """
    steps = ask(client, "step_list", job.parameters(), job.reading).column("step").to_numpy()
    width = max(1, -(-len(steps) // columns))
    values = job.parameters(width=width, most=rows)
    name = "heat" if phase else "heat_steps"
    table = ask(client, name, values | ({"phase": phase} if phase else {}), job.reading)
    table = table.sort_by("rank")
    shape = (table.num_rows, -(-len(steps) // width))

    def of_rank(name: str) -> Ints:
        return np.asarray(table.column(name).to_numpy(), dtype=np.int64)

    def matrix(name: str) -> Floats:
        filled = np.full(shape, np.nan)
        for row, (at, value) in enumerate(
            zip(table.column("columns").to_pylist(), table.column(name).to_pylist(), strict=True)
        ):
            filled[row, at] = value
        return filled

    return RankHeat(
        ranks=of_rank("rank"),
        dp=of_rank("dp"),
        tp=of_rank("tp"),
        stage=of_rank("stage"),
        hosts=tuple(strings(table, "host").tolist()),
        first_step=steps[::width].astype(np.int64),
        width=width,
        seconds=matrix("seconds"),
        ratio=matrix("ratios"),
    )


def fetch_stragglers(client: Reader, job: Job, *, limit: int = 20) -> list[RankLag]:
    """Ranks by what they compute longer than their data-parallel peers, the largest excess first.

    Communication is not looked at: who waits longest is a victim.

    Raises:
        StoreError: The store did not answer.
    """
    values = job.parameters(
        by_tensor=int(job.dp_size > 1), phases=list(COMPUTE_PHASES), ratio=MIN_RATIO, most=limit
    )
    found, places = [], fetch_places(client, job)
    for row in ask(client, "stragglers", values, job.reading).to_pylist():
        place = places.by_rank.get(row["rank"], NOWHERE)
        steps, lag = np.asarray(row["at_step"]), np.asarray(row["lag"])
        by_step = np.argsort(steps)
        steps, usual_rate = steps[by_step], row["lagging_cells"] / row["cells"]
        stretch = lagging_stretch(lag[by_step], usual_rate, series=max(1, job.ranks))
        found.append(
            RankLag(
                rank=row["rank"],
                dp=place.dp,
                tp=place.tp,
                stage=place.stage,
                host=place.host,
                op=row["op"],
                steps=row["steps"],
                share_of_steps=row["share_of_steps"],
                ratio=float(np.exp(np.median(row["lag"]))),
                excess_s=row["excess_s"],
                is_straggler=stretch is not None,
                first_step=int(steps[stretch.first]) if stretch else -1,
                last_step=int(steps[stretch.stop - 1]) if stretch else -1,
            )
        )
    return found


def fetch_hang(client: Reader, job: Job) -> Hang | None:
    """Who hangs the job at the window's end, with everything that is pending; None if it goes on.

    Raises:
        StoreError: The store did not answer.
    """
    return find_hang(client, job)

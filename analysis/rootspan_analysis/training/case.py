"""What all training rules share about one job: how to read it, where its ranks run, how long steps take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rootspan_analysis.explanation import Evidence, Signal
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.reader import Reader, Value
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.placement import Places, fetch_places
from rootspan_analysis.training.statements import ask, render
from rootspan_analysis.training.steps import StepTimes, fetch_step_times

__all__ = ["Case", "Rows", "open_case"]

Rows = list[dict[str, Any]]
Peers = Literal["stage", "all"]
COURSE_POINTS: Final = 240
"""Of a course over the job's length: as many as a chart can show."""


@dataclass(frozen=True, slots=True)
class Case:
    """A job under examination."""

    client: Reader
    job: Job
    places: Places
    times: StepTimes

    def ask(self, name: str, **values: Value) -> Rows:
        """Rows of `sql/NAME.sql` on this job.

        Raises:
            StoreError: The store did not answer.
        """
        rows: Rows = ask(self.client, name, self.job.parameters(**values), self.job.reading).to_pylist()
        return rows

    def evidence(self, signal: Signal, text: str, name: str, **values: Value) -> Evidence:
        """A sentence with the statement `sql/NAME.sql` that shows it."""
        return Evidence(signal, text, render(name, self.job.parameters(**values), self.job.reading))

    def rank_course(
        self,
        text: str,
        ranks: Sequence[int],
        phases: Sequence[str],
        *,
        ops: Sequence[str] = (),
        peers: Peers,
        between_ns: tuple[int, int] | None = None,
    ) -> Evidence:
        """A sentence with the ranks' time for some operations in each step beside that of others.

        Args:
            ops: Only these operations of the phases; empty: all.
            peers: Whom they are held against: ranks of the same stage, those of them with the same tensor
                rank where the job has data-parallel ranks, or all.
            between_ns: Only this part of the job, so that a short event is not lost in a long one.
        """
        within = {} if between_ns is None else dict(zip(("from_ns", "to_ns"), between_ns, strict=True))
        return self.evidence(
            "trace",
            text,
            "rank_course",
            **within,
            ranks=list(ranks),
            phases=list(phases),
            ops=list(ops),
            by_tensor=int(peers == "stage" and self.job.dp_size > 1),
            any_stage=int(peers == "all"),
            every_s=self.course_step_s(between_ns),
        )

    def course_step_s(self, between_ns: tuple[int, int] | None = None) -> int:
        """Seconds between two points of a course over the job, or over a part of it; whole, at least 1."""
        begin, end = between_ns or (self.job.first_ns, self.job.last_ns)
        return max(1, math.ceil((end - begin) / NS_PER_S / COURSE_POINTS))

    def gpu_hours(self, lost_s: float) -> float:
        """GPU time of the whole job in so many seconds: while one rank is late, all wait."""
        return lost_s * self.job.world_size / 3600


def open_case(client: Reader, job: Job) -> Case:
    """Read what all rules need.

    Raises:
        StoreError: The store did not answer.
    """
    return Case(client, job, fetch_places(client, job), fetch_step_times(client, job))

"""Durations of a job's steps, and where in time a step lies."""

from dataclasses import dataclass

import numpy as np

from rootspan_analysis.reader import Floats, Ints, Reader, numbers
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.statements import ask

__all__ = ["StepTimes", "fetch_step_times"]


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Durations of steps, ascending by number. Arrays are of equal length and may be empty.

    Attributes:
        slowest_s, median_s: Of the ranks' durations of the step.
        begin_ns: When the first rank began it, unix nanoseconds.
        ranks: Ranks that told of it.
    """

    step: Ints
    slowest_s: Floats
    median_s: Floats
    begin_ns: Ints
    ranks: Ints

    @property
    def usual_s(self) -> float:
        """Median over steps of the slowest rank's duration; NaN if there is none."""
        return float(np.median(self.slowest_s)) if len(self.step) else float("nan")

    @property
    def total_s(self) -> float:
        """Sum over steps of the slowest rank's duration."""
        return float(self.slowest_s.sum())

    def at_ns(self, step: int) -> int | None:
        """When a step began; None if it is not told."""
        place = int(np.searchsorted(self.step, step))
        return int(self.begin_ns[place]) if place < len(self.step) else None

    def between(self, first_step: int, last_step: int) -> int:
        """How many of the steps lie between two, both included."""
        return int(((self.step >= first_step) & (self.step <= last_step)).sum())


def fetch_step_times(client: Reader, job: Job) -> StepTimes:
    """Duration of each step.

    Raises:
        StoreError: The store did not answer.
    """
    table = ask(client, "step_times", job.parameters(), job.reading)
    return StepTimes(
        step=table.column("step").to_numpy().astype(np.int64),
        slowest_s=numbers(table, "slowest_s"),
        median_s=numbers(table, "median_s"),
        begin_ns=table.column("begin_ns").to_numpy().astype(np.int64),
        ranks=table.column("ranks").to_numpy().astype(np.int64),
    )

"""Takes a job apart into its attempts: a restart counts collectives anew and does steps again.

Owns where one attempt ends and the next begins. Judges nothing.
"""

from dataclasses import replace
from typing import Final

from rootspan_analysis.reader import Reader
from rootspan_analysis.training.jobs import Job, describe
from rootspan_analysis.training.statements import ask

__all__ = ["split_attempts"]

MAX_ATTEMPTS: Final = 3
"""Of a job that restarts over and over, those that are examined: the latest."""


def split_attempts(client: Reader, job: Job) -> list[Job]:
    """The job once for each attempt that made a step in the window, the earliest first; else the job itself.

    An attempt lasts until the next one's first step: what hung it, and what it said of that, lies before.
    Attempts are told apart by their processes. Their numbers are what ranks tell, but each is higher than the
    one before: nodes that count their restarts for themselves differ.

    Raises:
        StoreError: The store did not answer.
    """
    if not job.job_id or not job.reading.step_spans:
        return [job]
    rows = ask(client, "attempts", job.parameters(), job.reading).to_pylist()
    if len(rows) < 2:
        return [job]
    begins = [job.from_ns, *(row["first_ns"] for row in rows[1:])]
    ends = [*begins[1:], job.to_ns]
    numbers: list[int] = []
    for row in rows:
        numbers.append(max(int(row["attempt"]), numbers[-1] + 1 if numbers else 0))
    told = list(zip(numbers, begins, ends, strict=True))[-MAX_ATTEMPTS:]
    found = [(number, describe(client, job, begin, end)) for number, begin, end in told]
    return [replace(one, attempt=number) for number, one in found if one is not None] or [job]

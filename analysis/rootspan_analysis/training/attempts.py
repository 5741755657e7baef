"""Takes a job apart into its attempts: a restart counts steps and collectives anew, so they are not compared.

Owns where one attempt ends and the next begins. Judges nothing.
"""

from dataclasses import replace
from itertools import pairwise
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

    Raises:
        StoreError: The store did not answer.
    """
    if not job.job_id or not job.reading.step_spans:
        return [job]
    rows = ask(client, "attempts", job.parameters(), job.reading).to_pylist()
    # Attempts follow one another; what overlaps was told by ranks that are not of one mind.
    apart = all(one["last_ns"] < two["first_ns"] for one, two in pairwise(rows))
    if len(rows) < 2 or not apart:
        return [job]
    begins = [job.from_ns, *(row["first_ns"] for row in rows[1:])]
    ends = [*begins[1:], job.to_ns]
    told = list(zip(rows, begins, ends, strict=True))[-MAX_ATTEMPTS:]
    found = [describe(client, job, begin, end) for _, begin, end in told]
    return [
        replace(one, attempt=int(row["attempt"]))
        for one, (row, _, _) in zip(found, told, strict=True)
        if one is not None
    ] or [job]

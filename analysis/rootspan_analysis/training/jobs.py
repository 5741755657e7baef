"""Finds the training jobs of a window and what each is made of: ranks, steps, how it is parallelised.

Owns job identity and the choice of dialect. Judges nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rootspan_analysis.question import NS_PER_S, Window
from rootspan_analysis.reader import Reader, Value, fetch, numbers
from rootspan_analysis.training.statements import Reading, ask
from rootspan_analysis.window import sampling

__all__ = ["Job", "describe", "find_jobs"]

MAX_OPERATIONS: Final = 12_000_000
"""Spans of a job that one question reads; above this every k-th step is, so contrasts stay whole."""


@dataclass(frozen=True, slots=True)
class Job:
    """A training job as its spans describe it.

    Attributes:
        job_id: `training.job.id`; empty where the sender has none, the service then names the job.
        services: Services that sent its spans.
        reading: How its spans tell steps and phases.
        from_ns, to_ns: The question's window.
        first_ns, last_ns: When its spans begin and end, within the window.
        ranks, steps: Distinct numbers seen.
        world_size: Ranks that the job says it has, at least `ranks`.
        dp_size, tp_size, pp_size: Distinct ranks seen along each axis; 0 where none is told.
        has_microbatches: Whether forward and backward are told by microbatch.
        collectives: Spans of communication.
        sized_collectives: Of those with group, sequence number and bytes.
        unfinished: Spans without an end.
        step_modulus: One step in this many is read.
        attempt: Which start of the job this is; -1 where it is not told apart.
    """

    job_id: str
    services: tuple[str, ...]
    reading: Reading
    from_ns: int
    to_ns: int
    first_ns: int
    last_ns: int
    spans: int
    ranks: int
    steps: int
    world_size: int
    dp_size: int
    tp_size: int
    pp_size: int
    hosts: int
    has_microbatches: bool
    collectives: int
    sized_collectives: int
    unfinished: int
    step_modulus: int
    attempt: int = -1

    @property
    def name(self) -> str:
        """How a person calls it."""
        name = self.job_id or self.services[0]
        return name if self.attempt < 0 else f"{name} (attempt {self.attempt})"

    def parameters(self, **more: Value) -> dict[str, Value]:
        """Parameters that all statements on a job share, and `more`."""
        return {
            "from_ns": self.from_ns,
            "to_ns": self.to_ns,
            "services": list(self.services),
            "job_id": self.job_id,
            "step_modulus": self.step_modulus,
            **more,
        }

    def entity(self, **more: str) -> dict[str, str]:
        """Attributes that name the job, for a cause."""
        named = {"service.name": self.services[0]}
        if self.job_id:
            named["training.job.id"] = self.job_id
        return named | {key: value for key, value in more.items() if value}


def find_jobs(client: Reader, window: Window, *, job: str = "", service: str = "") -> list[Job]:
    """Jobs that sent spans in the window, those with most spans first. Usually empty or one.

    Args:
        job: Only the job of this id, or whose service has this name.
        service: Only jobs of this service.

    Raises:
        StoreError: The store did not answer.
    """
    parameters: dict[str, Value] = {"from_ns": window.from_ns, "to_ns": window.to_ns, "job": job}
    foreign = "foreign_jobs_sampled" if _is_sampled(client, window) else "foreign_jobs"
    found = [row for name in ("jobs", foreign) for row in ask(client, name, parameters).to_pylist()]
    jobs = [_describe(client, window, row) for row in found if service in ("", *row["services"])]
    return [one for one in jobs if one is not None]


def _is_sampled(client: Reader, window: Window) -> bool:
    """Whether the window holds so many spans that a sample of them tells who is there."""
    from_s, to_s = window.from_ns // NS_PER_S, -(-window.to_ns // NS_PER_S)
    minutes = fetch(client, "minutes", {"from_s": from_s, "to_s": to_s})
    if not minutes.num_rows:
        return False
    return sampling(client, int(numbers(minutes, "spans").sum()), int(numbers(minutes, "minute_s")[0]))[1]


def describe(client: Reader, job: Job, from_ns: int, to_ns: int) -> Job | None:
    """The job in a part of its window; None if it says nothing there.

    Raises:
        StoreError: The store did not answer.
    """
    row = {"services": job.services, "job_id": job.job_id, "spans": job.spans}
    return _describe(client, Window(from_ns, to_ns), row)


def _describe(client: Reader, window: Window, row: Mapping[str, Any]) -> Job | None:
    services = sorted(str(one) for one in row["services"])
    job_id, spans = str(row["job_id"]), int(row["spans"])
    modulus = max(1, -(-spans // MAX_OPERATIONS))
    base: dict[str, Value] = {
        "from_ns": window.from_ns,
        "to_ns": window.to_ns,
        "services": services,
        "job_id": job_id,
        "step_modulus": modulus,
    }
    reading = Reading("native" if job_id else "foreign")
    shape = ask(client, "shape", base, reading).to_pylist()[0]
    if job_id and not shape["ranked"]:
        other = ask(client, "shape", base, Reading("foreign")).to_pylist()[0]
        if other["ranked"] or other["stepped"] > shape["stepped"]:
            reading, shape = Reading("foreign"), other
    if not shape["ranked"] and not shape["stepped"]:
        return None
    return Job(
        job_id=job_id,
        services=tuple(services),
        reading=replace(reading, summaries=shape["summaries"] > 0, step_spans=shape["step_spans"] > 0),
        from_ns=window.from_ns,
        to_ns=window.to_ns,
        first_ns=int(shape["first_ns"]),
        last_ns=int(shape["last_ns"]),
        spans=spans,
        ranks=int(shape["ranks"]),
        steps=int(shape["steps"]),
        world_size=max(int(shape["world_size"]), int(shape["ranks"]), 1),
        dp_size=int(shape["dp_size"]),
        tp_size=int(shape["tp_size"]),
        pp_size=int(shape["pp_size"]),
        hosts=int(shape["hosts"]),
        has_microbatches=shape["microbatch_spans"] > 0,
        collectives=int(shape["collectives"]),
        sized_collectives=int(shape["sized_collectives"]),
        unfinished=int(shape["unfinished"]),
        step_modulus=modulus,
    )

"""The account of one step: which phases the rank was in, for how long, and what it waited for.

Owns the arithmetic of phases that lie within each other. Pure: knows no spans, no clock but the times it is
given, no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from rootspan.training.ring import BYTES, ENDED_NS, ENQUEUED_NS, PHASE, WAITED, Record, Wait

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from rootspan.gpu.cuda_events import Event

COLLECTIVE = "collective"
_MAX_FINISHED = 4096


class TimedPhase(Protocol):
    """A phase as the account sees it."""

    name: str
    start_ns: int
    end_ns: int
    inner_ns: int
    outer: TimedPhase | None

    def __exit__(self, kind: None, error: None, where: None, /) -> None:
        """End it."""


class Step:
    """A step that this process is in, or was.

    Attributes:
        number: As the program counts.
        start_ns: When it began to wait for its data, nanoseconds since the epoch.
        phase: The innermost phase that its thread is in.
        own_ns: Phase to nanoseconds in it, without phases within it.
        finished: Phases that ended and whose spans were not sent.
        detailed: Whether every phase and collective is sent as it ends.
        first_record: The ring's count when the step began.
        device_marks: Phases with the events around them, where a device is timed.
        suspect: Why this rank sends its detail by itself, or None.
    """

    __slots__ = (
        "above", "detailed", "device_marks", "end_ns", "finished", "first_record", "number", "own_ns",
        "phase", "span", "start_ns", "suspect", "thread", "tokens",
    )  # fmt: skip

    def __init__(
        self, number: int, span: Span, above: Context, start_ns: int, *, detailed: bool, first_record: int
    ) -> None:
        self.number, self.span, self.above, self.start_ns = number, span, above, start_ns
        self.detailed, self.first_record = detailed, first_record
        self.thread = threading.get_ident()
        self.phase: TimedPhase | None = None
        self.own_ns: dict[str, int] = {}
        self.finished: list[tuple[str, int, int, int | None]] = []
        self.suspect: str | None = None
        self.tokens: int | None = None
        self.device_marks: list[tuple[str, Event, Event]] = []
        self.end_ns = 0

    def leave(self, phase: TimedPhase, microbatch: int | None, *, sent: bool) -> None:
        """Count a phase that ended; the one around it is the innermost again."""
        took_ns = phase.end_ns - phase.start_ns
        self.own_ns[phase.name] = self.own_ns.get(phase.name, 0) + took_ns - phase.inner_ns
        self.phase = phase.outer
        if phase.outer is not None:
            phase.outer.inner_ns += took_ns
        if not sent and len(self.finished) < _MAX_FINISHED:
            self.finished.append((phase.name, phase.start_ns, phase.end_ns, microbatch))

    def add(self, name: str, start_ns: int, end_ns: int) -> None:
        """Count a phase that was measured elsewhere, such as the wait for the step's data."""
        self.own_ns[name] = self.own_ns.get(name, 0) + end_ns - start_ns
        if len(self.finished) < _MAX_FINISHED:
            self.finished.append((name, start_ns, end_ns, None))

    def settle_waits(self, records: Iterable[Record]) -> None:
        """Move the time that the thread waited for collectives from the phases around them to `collective`.

        A collective that blocks its caller is waited for from enqueue to end. Those that overlap with the
        phase around them (DDP's buckets) are waited for once the last of them is enqueued, until the last one
        ends.
        """
        blocked: dict[str | None, int] = {}
        overlapping: dict[TimedPhase, tuple[int, int]] = {}
        for record in records:
            phase, end_ns = record[PHASE], record[ENDED_NS]
            if not end_ns or record[WAITED] == Wait.LATER:
                continue
            if record[WAITED] == Wait.AT_ONCE:
                name = None if phase is None else phase.name
                blocked[name] = blocked.get(name, 0) + end_ns - record[ENQUEUED_NS]
            elif phase is not None and phase.end_ns:
                last, done = overlapping.get(phase, (0, 0))
                overlapping[phase] = max(last, record[ENQUEUED_NS]), max(done, end_ns)
        for phase, (last, done) in overlapping.items():
            waited_ns = max(0, min(done, phase.end_ns) - last)
            blocked[phase.name] = blocked.get(phase.name, 0) + waited_ns
        for around, waited_ns in blocked.items():
            if around == COLLECTIVE:
                continue  # the phase of this name around them has counted it
            self.own_ns[COLLECTIVE] = self.own_ns.get(COLLECTIVE, 0) + waited_ns
            if around is not None:
                self.own_ns[around] = max(0, self.own_ns.get(around, 0) - waited_ns)

    def own_time_ns(self) -> int:
        """The step without what it waited for collectives."""
        return self.end_ns - self.start_ns - self.own_ns.get(COLLECTIVE, 0)


def total_bytes(records: Iterable[Record]) -> int:
    """Sum of what collectives carried."""
    return sum(record[BYTES] for record in records)

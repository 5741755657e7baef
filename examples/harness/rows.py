"""Rows of the table: a system, its faults, and how one of them is played so that `why` can be asked.

Owns the ways of playing. `Retold` runs a system for seconds, healthy and then broken, and tells what it
sent again as history and incident of a longer time: a verdict needs minutes of history. `Live` runs a job and
asks about that run as it was. `Dated` has an example tell what happened at times that it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from examples.harness.installation import S, Stage, Window
from examples.harness.marks import marks_of
from examples.harness.programs import run_example
from examples.harness.retelling import Recording, fill
from examples.harness.truth import HEALTHY, Answer, Truth

from rootspan.testing import Receiver

WARM_UP_NS = 3 * S
LATEST_NS = 60 * S
"""The window begins this long before the fault: people do not know its begin."""


class Row(Protocol):
    """One system."""

    system: str
    faults: Mapping[str, Truth]

    def missing(self) -> str:
        """What this machine lacks for it, and how to get it; empty when all is there."""

    def play(self, fault: str, stage: Stage, *, short: bool) -> Window:
        """Run it with a fault, or with `none`, and say what to ask about.

        Raises:
            ExampleFailed: It did not run.
        """

    def ask(self, stage: Stage, window: Window) -> Answer:
        """What rootspan says of it. Of one thread at a time."""

    def truth(self, fault: str) -> Truth:
        """What the answer has to say."""


@dataclass(frozen=True, slots=True)
class Retold:
    """A system that is recorded and told again.

    Attributes:
        module: As for `python -m`; it takes `--endpoint`, `--fault` and `--seconds`, breaks after half of the
            time or at `healthy_s`, and prints marks `healthy`, `broken` and `done`.
        arguments: More for its command line.
        healthy_s, broken_s: How long it runs well, and then not; in the short form half.
        settle_s: How long after the mark the fault needs to be in force.
        history_s, incident_s: How long these are told.
        once: Faults whose time is told as it was, not again and again: they pass, as an election does.
    """

    system: str
    module: str
    faults: Mapping[str, Truth]
    arguments: Sequence[str] = ()
    healthy_s: float = 30.0
    broken_s: float = 30.0
    settle_s: float = 1.0
    history_s: int = 900
    incident_s: int = 120
    once: frozenset[str] = frozenset()
    lacks: Callable[[], str] = field(default=lambda: "")

    def missing(self) -> str:
        """See `Row`."""
        return self.lacks()

    def truth(self, fault: str) -> Truth:
        """See `Row`."""
        return HEALTHY if fault == "none" else self.faults[fault]

    def ask(self, stage: Stage, window: Window) -> Answer:
        """See `Row`."""
        return stage.why(window)

    def play(self, fault: str, stage: Stage, *, short: bool) -> Window:
        """See `Row`."""
        healthy, broken = self.record(fault, short=short)
        return self.tell(fault, healthy, broken, stage, short=short)

    def tell(self, fault: str, healthy: Recording, broken: Recording, stage: Stage, *, short: bool) -> Window:
        """Tell what was recorded as a longer history. Returns what to ask about."""
        once = fault in self.once
        incident_ns = broken.end_ns - broken.begin_ns if once else self.incident_s * S
        end = stage.next_end_ns()
        onset = end - incident_ns
        history_ns = (min(420, self.history_s) if short else self.history_s) * S
        fill(healthy, stage.collector, onset - history_ns, onset, salt=0)
        if once:
            broken.tell(stage.collector, onset, salt=100_000)
        else:
            fill(broken, stage.collector, onset, end, salt=100_000)
        return Window(onset - (0 if once else LATEST_NS), end)

    def record(self, fault: str, *, short: bool) -> tuple[Recording, Recording]:
        """Run it. Returns what it sent while healthy and while broken."""
        scale = 0.5 if short else 1.0
        healthy_s = self.healthy_s * scale
        broken_s = self.broken_s * (1.0 if fault in self.once else scale)
        lasting = ["--seconds", f"{healthy_s + broken_s:g}", "--fault-after", f"{healthy_s:g}"]
        with Receiver() as receiver:
            said = run_example(
                self.module,
                ["--endpoint", receiver.endpoint, "--fault", fault, *lasting, *self.arguments],
                environment={"OTEL_METRIC_EXPORT_INTERVAL": "2000"},
            )
            at = marks_of(said)
            begun = at["healthy"] + WARM_UP_NS
            # Well before the fault: what is under way when it strikes belongs to neither.
            healthy = Recording.of(receiver, begun, at["broken"] - S)
            settled = 0 if fault in self.once else round(self.settle_s * S)
            broken = Recording.of(receiver, at["broken"] + settled, at["done"])
        return healthy, broken


@dataclass(frozen=True, slots=True)
class Live:
    """A job that is asked about as it ran.

    Attributes:
        module: As for `python -m`; it takes `--endpoint`, `--fault` and `--job`.
        arguments, short_arguments: More for its command line, for either form.
    """

    system: str
    module: str
    faults: Mapping[str, Truth]
    arguments: Sequence[str] = ()
    short_arguments: Sequence[str] = ()
    lacks: Callable[[], str] = field(default=lambda: "")

    def missing(self) -> str:
        """See `Row`."""
        return self.lacks()

    def truth(self, fault: str) -> Truth:
        """See `Row`."""
        return HEALTHY if fault == "none" else self.faults[fault]

    def ask(self, stage: Stage, window: Window) -> Answer:
        """See `Row`."""
        return stage.why(window)

    def play(self, fault: str, stage: Stage, *, short: bool) -> Window:
        """See `Row`."""
        begin = time.time_ns()
        job = f"{self.module.rpartition('.')[2]}-{fault}-{begin // S}"
        more = self.short_arguments if short else self.arguments
        run_example(self.module, ["--endpoint", stage.collector, "--fault", fault, "--job", job, *more])
        return Window(begin, time.time_ns(), job)


@dataclass(frozen=True, slots=True)
class Dated:
    """A system that is told at times of its own choice: simulated, or files with times in them.

    Attributes:
        module: As for `python -m`; it takes `--endpoint`, `--fault` and `--end-unix-ns`, before which all
            of its times lie.
        arguments, short_arguments: More for its command line, for either form.
        asked_s: How long before that end the question begins.
    """

    system: str
    module: str
    faults: Mapping[str, Truth]
    asked_s: float
    arguments: Sequence[str] = ()
    short_arguments: Sequence[str] = ()
    lacks: Callable[[], str] = field(default=lambda: "")

    def missing(self) -> str:
        """See `Row`."""
        return self.lacks()

    def truth(self, fault: str) -> Truth:
        """See `Row`."""
        return HEALTHY if fault == "none" else self.faults[fault]

    def ask(self, stage: Stage, window: Window) -> Answer:
        """See `Row`."""
        return stage.why(window)

    def play(self, fault: str, stage: Stage, *, short: bool) -> Window:
        """See `Row`."""
        end = stage.next_end_ns()
        told = ["--endpoint", stage.collector, "--fault", fault, "--end-unix-ns", str(end)]
        run_example(self.module, [*told, *(self.short_arguments if short else self.arguments)])
        return Window(end - round(self.asked_s * S), end)

"""Steps of a loop that somebody else drives: a trainer that calls back when a step begins and when it ends.

Owns the step that is open between two callbacks. A trainer that fails may never call back: what is open when
the process ends is ended with the exception that ended it.
"""

from __future__ import annotations

import atexit
import sys
import time

from rootspan.guard import harmless
from rootspan.training import emission
from rootspan.training.recorder import recorder
from rootspan.training.step import Step
from rootspan.training.watch import watch


class DrivenSteps:
    """One trainer's steps. Nothing here raises into it."""

    def __init__(self) -> None:
        self._open: Step | None = None
        self._is_started = False

    @harmless
    def start(self) -> None:
        """Training begins: have PyTorch recorded, as `rootspan.training.watch()` does, and find our rank."""
        self.abandon()
        if not self._is_started:
            self._is_started = True
            watch()
            atexit.register(self.abandon)
        recorder().locate_again()

    @harmless
    def begin(self, number: int) -> None:
        """A step begins; one that never ended is ended first."""
        self.abandon()
        self._open = recorder().begin(number, {})

    @harmless
    def end(self, error: BaseException | None = None, *, tokens: int | None = None) -> None:
        """The step ends; does nothing without one."""
        step, self._open = self._open, None
        if step is not None:
            step.tokens = tokens
            recorder().end(step, error)

    @harmless
    def waited(self, start_ns: int) -> None:
        """The time since `start_ns` was spent waiting for the next step's data."""
        if self._open is None:
            recorder().waited_for_data(start_ns, time.time_ns())

    @harmless
    def spent(self, name: str, start_ns: int) -> None:
        """The time since `start_ns`, between two steps, was a phase of its own: "eval", "checkpoint"."""
        now = recorder()
        emission.send_outside(now.tracer(), name, start_ns, time.time_ns(), now.attributes)

    def abandon(self) -> None:
        """End a step that its trainer left."""
        if self._open is not None:
            last = getattr(sys, "last_value", None)
            self.end(
                last if isinstance(last, BaseException) else InterruptedError("the trainer left its step")
            )

"""A thread that looks at what hangs, and at the control file, once a second.

Owns the limit from which on a wait is a hang. What hangs is told by `waiting`. A rank whose step lasts too
long while nothing of its own is pending tells its status, too: then its group waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context

from rootspan.errors import ConfigurationError
from rootspan.training import emission, waiting
from rootspan.training.ring import ENQUEUED_NS

if TYPE_CHECKING:
    from rootspan.training.detail import ControlFile
    from rootspan.training.recorder import Recorder
    from rootspan.training.step import Step

_logger = logging.getLogger("rootspan")
_LOOK_EVERY_S = 1.0
_USUAL_STEPS = 3.0
"""Three times the median of the last 64 steps is no hang either: some jobs' steps take minutes."""


class Watchdog:
    """Looks at one recorder after the other, as the process has them."""

    def __init__(
        self,
        find_recorder: Callable[[], Recorder],
        hang_after_s: float,
        control: ControlFile | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._find, self._hang_after_s, self._control, self._clock = (
            find_recorder,
            hang_after_s,
            control,
            clock,
        )
        self._told: set[int] = set()
        self._told_step: Step | None = None
        self._stop = threading.Event()

    def start(self) -> None:
        """Look from now on, on a daemon thread."""
        look_every_s = min(_LOOK_EVERY_S, self._hang_after_s / 4)
        threading.Thread(
            target=self._run, args=(look_every_s,), name="rootspan-training", daemon=True
        ).start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def look(self) -> bool:
        """Look once. Returns whether something hangs that was not told before."""
        now = self._find()
        if self._control is not None:
            try:
                choice = self._control.changed()
            except ConfigurationError as err:
                _logger.warning("the training control file was not heeded: %s", err)
            else:
                if choice is not None:
                    now.detail = choice
        now_ns = self._clock()
        limit_ns = self._limit_ns(now)
        hanging = [record for record in now.ring.pending() if now_ns - record[ENQUEUED_NS] > limit_ns]
        step = now.step
        fresh = [record for record in hanging if id(record) not in self._told]
        late = step is not None and step is not self._told_step and now_ns - step.start_ns > limit_ns
        # Ids of objects that are gone may come again; what no longer hangs is forgotten.
        self._told = {id(record) for record in hanging}
        if not fresh and not late:
            return False
        self._told_step = step
        if step is not None:
            step.suspect = "hang"
        waiting.tell(fresh, now.channels, step, now_ns, attributes=now.attributes)
        if step is not None:
            # Completed ones as spans, now: a process that hangs rarely ends its step.
            inside = otel_trace.set_span_in_context(step.span, Context())
            records, _ = now.ring.since(step.first_record)
            emission.send_collectives(now.tracer(), records, inside, now.attributes)
        return True

    def _limit_ns(self, now: Recorder) -> float:
        recent = sorted(now.step_durations_ns.copy())
        usual_ns = recent[len(recent) // 2] if recent else 0
        return max(self._hang_after_s * 1e9, _USUAL_STEPS * usual_ns)

    def _run(self, look_every_s: float) -> None:
        while not self._stop.wait(look_every_s):
            try:
                self.look()
            except Exception as err:
                _logger.warning("the training watchdog failed: %s: %s", type(err).__name__, err)

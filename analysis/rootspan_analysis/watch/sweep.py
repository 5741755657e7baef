"""Asks the engine although no objective is missed: a part may be ill before users notice.

Owns how often that is, and what is believed: a fault of the same service twice in a row, each time with a
p-value far below one in the number of sweeps of a day. Its name may change as more of it is seen. How often
follows from what an answer costs; neither a hint nor a first sight waits for that: of a large fleet, or on a
busy machine, it would be too long.
"""

from typing import Final

from rootspan_analysis.explanation import Cause, Explanation
from rootspan_analysis.question import NS_PER_S, Question
from rootspan_analysis.watch.incident import Breach

__all__ = ["WINDOW_S", "Sweep", "component_of", "sweep_question"]

WINDOW_S: Final = 90
"""The shortest window that the engine cuts into cells of 10 s."""
MAX_P: Final = 1e-5
AGAIN_S: Final = 10.0
"""A first sight is checked with the next whole cell."""
COST: Final = 20.0
"""At most one part in so many of the time is spent on sweeps, and as much again on those after a hint."""
BURST_S: Final = 60.0
"""Hints may spend so much at once: the first answer to one often comes before there is enough to see."""
CHECK_COST: Final = 2.0
"""From one question's begin to the next so many times what an answer takes, after a hint or first sight: the
engine rests as long as it works, not longer, since somebody suffers meanwhile."""


def sweep_question(end_s: int) -> Question:
    """About the last minute and a half."""
    return Question((end_s - WINDOW_S) * NS_PER_S, end_s * NS_PER_S)


def component_of(answer: Explanation) -> Cause | None:
    """The first cause, if it is beyond doubt."""
    first = answer.causes[0] if answer.causes else None
    return first if first is not None and first.p_value <= MAX_P else None


class Sweep:
    """Remembers the last sweep. For one thread."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._asked_ns = 0
        self._wait_s = 0.0
        self._credit_s, self._credited_ns = BURST_S, 0
        self._took_s = 0.0
        self._was_hinted = False
        self._before: str | None = None

    def is_due(self, now_ns: int, *, hinted: bool = False) -> bool:
        """Whether to ask now; never if sweeps are off.

        Args:
            hinted: Whether some objective is unlike itself, though not missed. Such a hint brings the next
                sweep forward.
        """
        if self._every_s <= 0:
            return False
        passed_s = (now_ns - self._credited_ns) / NS_PER_S
        self._credit_s, self._credited_ns = min(BURST_S, self._credit_s + passed_s / COST), now_ns
        since_s = (now_ns - self._asked_ns) / NS_PER_S
        is_regular = since_s >= self._wait_s
        self._was_hinted = hinted and not is_regular
        soonest_s = max(AGAIN_S, CHECK_COST * self._took_s)
        return is_regular or (hinted and self._credit_s > 0 and since_s >= soonest_s)

    def take(self, answer: Explanation | None, *, now_ns: int) -> Breach | None:
        """Take in an answer (None: there was none). Returns what an incident is to be opened for."""
        self._asked_ns = now_ns
        self._took_s = answer.took_ms / 1e3 if answer else 0.0
        self._wait_s = max(self._every_s, COST * self._took_s)
        self._credit_s -= self._took_s if self._was_hinted else 0.0
        cause = component_of(answer) if answer is not None else None
        if cause is None:
            self._before = None
            return None
        seen = cause.entity.get("service.name", "")
        if self._before != seen:
            self._before = seen
            self._wait_s = max(AGAIN_S, CHECK_COST * self._took_s)
            return None
        self._before = None
        return Breach(
            kind="component",
            service=seen,
            operation="",
            job=cause.entity.get("training.job.id", ""),
            observed=cause.score,
            expected=0.0,
            unit="score",
            since_ns=cause.onset_unix_ns or now_ns,
            configured=False,
            text=cause.evidence[0].text if cause.evidence else cause.fault.replace("_", " "),
        )

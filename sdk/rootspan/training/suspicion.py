"""Whether a rank should suspect itself: a step whose own time is far from what this rank is used to.

Own time is the step without what it waited for others, so a victim of a slow rank stays quiet. Compares a
rank with its own past only; comparing ranks is the analysis's work, which sees all of them.
"""

from __future__ import annotations

from collections import deque

_HISTORY = 64
_MIN_HISTORY = 8
_RATIO = 1.5
_MIN_EXCESS_NS = 2_000_000
FOLLOWED_STEPS = 10
"""A suspect also sends the detail of this many following steps: what follows tells a hiccup from a fault."""


class OwnTime:
    """The median of a rank's recent steps, and how long it remains a suspect."""

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=_HISTORY)
        self._follow = 0

    def is_suspect(self) -> bool:
        """Whether the step that begins now is one that follows a suspicious one."""
        return self._follow > 0

    def judge(self, own_ns: int) -> bool:
        """Note a step's own time; True where it is at least 1.5 times the median and 2 ms above it."""
        recent = self._recent
        self._follow = max(0, self._follow - 1)
        suspicious = False
        if len(recent) >= _MIN_HISTORY:
            median = sorted(recent)[len(recent) // 2]
            suspicious = own_ns > _RATIO * median and own_ns - median > _MIN_EXCESS_NS
        recent.append(own_ns)
        if suspicious:
            self._follow = FOLLOWED_STEPS
        return suspicious

    def raise_suspicion(self) -> None:
        """Follow the coming steps for another reason, such as a failed collective."""
        self._follow = FOLLOWED_STEPS

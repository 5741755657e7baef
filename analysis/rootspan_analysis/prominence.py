"""Whether a part is worth a word although requests do as they did. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from rootspan_analysis.finding import Finding
from rootspan_analysis.window import Timeline

__all__ = ["STRONG_Z", "prominent", "stands_out"]

_TIMED: Final = frozenset({"slow", "wait", "gap", "batch"})
STRONG_Z: Final = 10.0
"""What a part needs in order to be named while no user notices anything, unless it is three times as slow."""
STRONG_SHIFT: Final = float(np.log(3))
_RATIOS: Final = frozenset({"slow", "gap", "size"})
"""Signals whose shift is the logarithm of a ratio. A queue that is three times as long may still be short."""
UNNOTICED_CALLS: Final = 20.0
UNNOTICED_S: Final = 60
"""And so many calls, for so long: a few slow calls that belong to one or two requests are one event, which a
pause of the program or a process that starts beside it explains, and which is over before anyone looks."""
NEW_BUILD_S: Final = 30
"""Several machines that have nothing in common but a new build, each slow from its first calls on, are no one
event: for them three buckets are enough."""


def prominent(
    findings: Sequence[Finding], timeline: Timeline, noticed: AbstractSet[str] = frozenset()
) -> list[Finding]:
    """Those that stand out, and with them what else was found of the same machines: that their queue is long
    says that something is the matter, and not what."""
    plain = {id(one) for one in findings if stands_out(one, timeline, noticed)}
    ill = {(one.service, one.hosts) for one in findings if id(one) in plain and one.hosts}
    return [one for one in findings if id(one) in plain or (one.service, one.hosts) in ill]


def stands_out(one: Finding, timeline: Timeline, noticed: AbstractSet[str] = frozenset()) -> bool:
    """Whether it is far enough out, for long enough and in enough calls.

    Args:
        noticed: Services of which it is known that somebody suffers: there it may be young.
    """
    far = one.signal in _RATIOS and one.shift >= STRONG_SHIFT
    if one.z < STRONG_Z and not far and not one.detail.get("new"):
        return False
    if one.signal not in _TIMED or one.service in noticed:
        return True
    if one.detail.get("alike_s", 0.0) >= NEW_BUILD_S:
        return True
    lasts_s = (one.interval.stop - one.interval.start) * timeline.bucket_s
    asked_s = (timeline.size - timeline.first) * timeline.bucket_s
    supported = one.detail.get("calls", UNNOTICED_CALLS) >= UNNOTICED_CALLS
    # A few calls count where all of them, to the end, go on like that.
    return lasts_s >= min(UNNOTICED_S, asked_s) and (supported or one.interval.stop >= timeline.size)

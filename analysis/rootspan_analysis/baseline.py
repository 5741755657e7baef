"""Chooses the baseline of a question: its history, or what of the window is before the onset.

Owns the scene that all kinds of evidence share. Finds no onset itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rootspan_analysis.contrast import MIN_BUCKETS, Interval
from rootspan_analysis.finding import Finding
from rootspan_analysis.scene import Place, Scene
from rootspan_analysis.symptom import Requests, median_request_ms
from rootspan_analysis.window import Timeline

__all__ = ["LATE_S", "MIN_HISTORY_S", "first_scene", "has_history", "second_scene"]

MIN_HISTORY_S: Final = 300
"""Time with data before the window that makes a baseline; with less, the quiet part of the window is one."""
LATE_S: Final = 120
"""The fault may have begun this long before the window: people ask late."""


def has_history(timeline: Timeline) -> bool:
    """Whether enough lies before the window to be the baseline."""
    return timeline.first * timeline.bucket_s >= MIN_HISTORY_S and timeline.first >= 2 * MIN_BUCKETS


def first_scene(
    timeline: Timeline,
    requests: Requests,
    places: Mapping[str, Place],
    first_seen: Mapping[tuple[str, str], int],
) -> Scene:
    """History is the baseline; without it the first half is, until an onset is known."""
    base = np.zeros(timeline.size, dtype=np.bool_)
    # Of a short history, what is nearest is not given away for a fault that may have begun early.
    late_s = min(LATE_S, timeline.first * timeline.bucket_s // 10)
    late = int((timeline.numbers[: timeline.first] * timeline.bucket_s >= -late_s).sum())
    if has_history(timeline):
        start = max(MIN_BUCKETS, timeline.first - late)
        base[:start] = True
    else:
        start = MIN_BUCKETS
        # What was not there in the first half (a new version) is held against its peers.
        base[: timeline.size // 2] = True
    return Scene(
        timeline=timeline,
        base=base,
        search=Interval(start, timeline.size),
        incident=Interval(timeline.first, timeline.size),
        settled=has_history(timeline),
        has_history=has_history(timeline),
        root_ms=median_request_ms(requests, base),
        places=places,
        first_seen_ns=first_seen,
    )


def second_scene(scene: Scene, findings: list[Finding], requests: Requests) -> Scene:
    """What lies well before the earliest onset is the baseline: an onset is told to a bucket or two."""
    timeline = scene.timeline
    onset = min(one.interval.start for one in findings)
    guard = -(-LATE_S // timeline.bucket_s)
    base = np.zeros_like(scene.base)
    base[: max(MIN_BUCKETS, onset - guard)] = True
    return replace(
        scene,
        base=base,
        search=Interval(max(MIN_BUCKETS, onset - guard), timeline.size),
        incident=Interval(onset, timeline.size),
        settled=True,
        root_ms=median_request_ms(requests, base),
    )

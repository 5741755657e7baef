"""Suspects that are not at fault, and why: what follows from a cause, and services that are as they were.

Owns the wording of what cleared them. Names nobody guilty.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.evidence import sentence_of
from rootspan_analysis.explain_away import Explained
from rootspan_analysis.explanation import Exonerated
from rootspan_analysis.finding import Finding
from rootspan_analysis.ranking import Ranked
from rootspan_analysis.scene import Scene

__all__ = ["exonerate"]

MOST: Final = 8
STEADY: Final = 1.15
"""Times its usual own time up to which a service is as it was: the least that counts as slow."""
MIN_CALLS: Final = 20.0
_BECAUSE: Final[Mapping[str, str]] = {
    "lost": "that follows from the machines that were lost",
    "slow": "that follows from the slowness there",
    "errors": "that follows from the errors there",
    "gap": "that follows from the time lost on the way",
    "unanswered": "that follows from calls that got no answer",
    "event": "that follows from what happened there",
    "gauge": "that follows from the processor that was taken away",
    "wait": "that follows from the full queue",
    "batch": "that follows from the large requests in its batches",
    "size": "that follows from the larger requests",
    "logs": "that follows from the code path there",
    "shape": "that follows from the code path there",
}


def exonerate(
    ranked: Sequence[Ranked], explained: Sequence[Explained], cells: Cells, scene: Scene
) -> tuple[Exonerated, ...]:
    """Clear suspects; the most striking first, services that are as they were last. At most eight.

    Only where something is named: without a cause nobody is suspected.
    """
    if not ranked:
        return ()
    guilty = [dict(one.entity) for one, _ in ranked]
    found: list[Exonerated] = []
    seen: list[dict[str, str]] = []
    for cause, effect in sorted(explained, key=lambda pair: -pair[1].z):
        entity = dict(effect.entity)
        if entity in guilty or entity in seen or dict(cause.entity) not in guilty:
            continue
        seen.append(entity)
        text = f"{sentence_of(effect)}; {_BECAUSE[cause.signal]} ({_name(cause)})"
        found.append(Exonerated(effect.kind, entity, text))
    touched = {one.service for one, _ in ranked} | {effect.service for _, effect in explained}
    found += [one for one in _steady(cells, scene) if one.entity["service.name"] not in touched]
    return tuple(found[:MOST])


def _steady(cells: Cells, scene: Scene) -> list[Exonerated]:
    """Services whose own time and errors are as before, busiest first."""
    found: list[tuple[float, Exonerated]] = []
    span = slice(scene.incident.start, scene.incident.stop)
    for service in sorted(set(cells.keys["service"])):
        rows = cells.keys["service"] == service
        n, own, errors = (cells.values[name][rows] for name in ("n", "self_ms", "errors"))
        calls, before = float(n[:, span].sum()), float(n[:, scene.base].sum())
        if min(calls, before) < MIN_CALLS:
            continue
        now_ms, past_ms = float(own[:, span].sum()) / calls, float(own[:, scene.base].sum()) / before
        now, past = float(errors[:, span].sum()) / calls, float(errors[:, scene.base].sum()) / before
        if now_ms > STEADY * past_ms or now > max(2 * past, past + 0.002) or np.isnan(now_ms):
            continue
        text = (
            f"as it was: a call takes {now_ms:.2f} ms of its own time, against {past_ms:.2f} ms before, "
            f"and {now:.2%} fail there first, against {past:.2%}"
        )
        found.append((calls, Exonerated("service", {"service.name": service}, text)))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _name(one: Finding) -> str:
    return ", ".join(value for name, value in one.entity.items() if name != "span.name")

"""Calls that take another way through the code: log templates and called operations that are new or gone.

Owns the rule for code faults that raise no error status. Compared is the share of an operation's calls in
which a thing occurs, which takes out shifts of mix between operations. An error that stops is a recovery.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rootspan_analysis.candidates.occurrences import MIN_PAST_CALLS, Past, Things, deviation, sums
from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import normal_p
from rootspan_analysis.explanation import CauseKind
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["LOG_KEYS", "LOG_LEAST", "SHAPE_KEYS", "find_path_changes"]

LOG_KEYS: Final = ("service", "operation", "severity", "template", "example")
SHAPE_KEYS: Final = ("service", "operation", "child_service", "child")
LOG_LEAST: Final = 3
"""Templates seen less often than this are not fetched."""
MIN_Z: Final = 4.0
MAX_P: Final = 0.01
MIN_SHARE: Final = 0.2
"""Of an operation's calls that must behave otherwise; less is a matter of what was asked for."""
MIN_RATIO: Final = 3.0
"""Or a thing that is this many times as frequent, or as rare, in at least `MIN_SEEN` calls."""
MIN_SEEN: Final = 5.0
COMPANION: Final = 0.95
"""Records of which one comes with so many of the other belong together."""
MAX_COMPANIONS: Final = 2
SILENCE: Final = 3
"""Buckets without any record of a service after which its records count as not collected."""
_BAD: Final = frozenset({"ERROR", "FATAL", "WARN"})


def find_path_changes(records: Cells, shapes: Cells, cells: Cells, scene: Scene) -> list[Finding]:
    """The most telling change of each service in its logs, and in what it calls.

    Args:
        records: Log templates, by `LOG_KEYS`, with `spans` and `written`.
        shapes: Called operations, by `SHAPE_KEYS`, with `spans`; an empty one counts all calls.
        cells: Components, for the calls of each operation.
    """
    findings: list[Finding] = []
    for things in (_of_logs(records, cells, scene), _of_shapes(shapes)):
        if len(things.service):
            findings += _changes(things, scene)
    return findings


def _of_logs(records: Cells, cells: Cells, scene: Scene) -> Things:
    ran = _calls(cells)
    written = records.values["written"]
    nothing = np.zeros(written.shape[1])
    service, operation = records.keys["service"].tolist(), records.keys["operation"].tolist()
    calls = np.array([ran.get(key, nothing) for key in zip(service, operation, strict=True)])
    calls = calls.reshape(len(service), len(nothing))
    # Where a service's records were not collected, that none is there says nothing.
    heard: dict[str, np.ndarray] = {}
    for name, row in zip(service, written, strict=True):
        heard[name] = heard.get(name, nothing.astype(np.bool_)) | (row > 0)
    alive = np.array([_filled(heard[name]) for name in service]).reshape(calls.shape)
    outside = np.array([not one for one in operation], dtype=np.bool_)
    words = [
        {"template": template, "example": example, "after": ""}
        for template, example in zip(records.keys["template"], records.keys["example"], strict=True)
    ]
    pairs = _companions(service, operation, written[:, scene.base].sum(axis=1))
    first, then = [one[0] for one in pairs], [one[1] for one in pairs]
    seen = np.where(outside[:, None], written, records.values["spans"]) * alive
    seen[_without_span_yet(records, outside, written[:, scene.base].sum(axis=1))] = 0.0
    rows = [*range(len(service)), *then]
    return Things(
        signal="logs",
        service=[service[i] for i in rows],
        operation=[operation[i] for i in rows],
        severity=[records.keys["severity"][i] for i in rows],
        words=words + [{**words[b], "after": words[a]["template"]} for a, b in pairs],
        seen=np.concatenate([seen, np.minimum(written[then], written[first])]),
        calls=np.concatenate([calls * alive, written[first]]),
        counted=np.concatenate([outside, np.zeros(len(pairs), dtype=np.bool_)]),
    )


def _without_span_yet(records: Cells, outside: np.ndarray, before: Floats) -> np.ndarray:
    """Rows of records outside of any span that were always written within one: their spans come later.

    Args:
        outside: Rows of records outside of any span.
        before: Records of each row in the baseline.
    """
    named = list(zip(records.keys["service"].tolist(), records.keys["template"].tolist(), strict=True))
    within = {
        name
        for name, is_outside, count in zip(named, outside, before, strict=True)
        if not is_outside and count >= MIN_PAST_CALLS
    }
    known = np.array([name in within for name in named], dtype=np.bool_)
    return np.asarray(known & outside & (before == 0))


def _companions(service: list[str], operation: list[str], total: Floats) -> list[tuple[int, int]]:
    """Pairs of records (a, b) of one operation where b has come with nearly every a.

    A call may write a line several times; that one of its lines is then missing shows only beside the other.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for i, key in enumerate(zip(service, operation, strict=True)):
        if key[1] and total[i] >= MIN_PAST_CALLS:
            groups.setdefault(key, []).append(i)
    pairs = []
    for rows in groups.values():
        for b in rows:
            near = [a for a in rows if a != b and total[a] * COMPANION <= total[b] <= total[a] / COMPANION]
            near.sort(key=lambda a: abs(total[a] - total[b]))
            pairs += [(a, b) for a in near[:MAX_COMPANIONS]]
    return pairs


def _filled(heard: np.ndarray) -> np.ndarray:
    """Whether records came: in the bucket itself, or within `SILENCE` buckets both before and after it."""
    ones = np.ones(SILENCE + 1)
    before = np.convolve(heard, ones)[: len(heard)] > 0
    after = np.convolve(heard[::-1], ones)[: len(heard)][::-1] > 0
    return np.asarray(before & after)


def _calls(cells: Cells) -> Mapping[tuple[str, str], Floats]:
    found: dict[tuple[str, str], Floats] = {}
    for service, operation, n in zip(
        cells.keys["service"], cells.keys["operation"], cells.values["n"], strict=True
    ):
        for key in ((service, operation), (service, "")):
            found[key] = found[key] + n if key in found else n.copy()
    return found


def _of_shapes(shapes: Cells) -> Things:
    keys = list(zip(*(shapes.keys[name].tolist() for name in SHAPE_KEYS), strict=True))
    ran = {key[:2]: shapes.values["spans"][i] for i, key in enumerate(keys) if not key[3]}
    rows = [i for i, key in enumerate(keys) if key[3] and key[:2] in ran]
    empty = np.zeros((0, shapes.values["spans"].shape[1]))
    return Things(
        signal="shape",
        service=[keys[i][0] for i in rows],
        operation=[keys[i][1] for i in rows],
        severity=["" for _ in rows],
        words=[{"callee": keys[i][2], "child": keys[i][3]} for i in rows],
        seen=shapes.values["spans"][rows] if rows else empty,
        calls=np.array([ran[keys[i][:2]] for i in rows]) if rows else empty,
        counted=np.zeros(len(rows), dtype=np.bool_),
    )


def _changes(things: Things, scene: Scene) -> list[Finding]:
    past = Past.of(things, scene)
    seen, calls = sums(things, scene.incident)
    z = deviation(things.counted, (seen, calls), past.usual) / past.scatter
    again = past.recurrence(z)
    z = z * (1 - again)
    best: dict[str, Finding] = {}
    for i in np.argsort(-np.abs(z)):
        if abs(z[i]) < MIN_Z:
            break
        p = min(1.0, normal_p(float(abs(z[i]))) * len(z))
        usual = float(past.usual[0][i] / past.usual[1][i])
        found = _finding(
            things, int(i), float(z[i]), p, shares=(float(seen[i]), float(calls[i]), usual), scene=scene
        )
        if found is not None and p <= MAX_P:
            known = best.get(found.service)
            if known is None:
                best[found.service] = found
            elif len(known.support) < 3:
                best[found.service] = replace(known, support=(*known.support, found))
    return list(best.values())


def _finding(
    things: Things, i: int, z: float, p: float, *, shares: tuple[float, float, float], scene: Scene
) -> Finding | None:
    seen, calls, usual = shares
    if not _matters(seen / calls, usual, calls):
        return None
    severity, service = things.severity[i], things.service[i]
    bad = severity in _BAD
    if bad and z < 0:
        return None
    expected = usual * calls
    kind: CauseKind = "service"
    return Finding(
        signal=things.signal,
        kind=kind,
        entity={"service.name": service},
        fault="error" if bad else "code_path",
        service=service,
        peer="",
        operation=things.operation[i],
        hosts=frozenset(),
        shift=float(np.log((seen + 1) / (expected + 1))),
        z=abs(z),
        p_value=p,
        interval=scene.incident,
        errors=max(0.0, seen - expected) if bad else 0.0,
        requests=calls,
        detail={"seen": seen, "expected": expected, "calls": calls},
        words=things.words[i],
    )


def _matters(share: float, usual: float, calls: float) -> bool:
    if abs(share - usual) >= MIN_SHARE:
        return True
    low, high = sorted((share, usual))
    return high * calls >= MIN_SEEN and high >= MIN_RATIO * low

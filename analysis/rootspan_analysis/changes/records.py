"""Changes as the store has them: those near a time, and the evidence that they give an answer.

Owns how near is near. Writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from rootspan_analysis.changes.change import Change
from rootspan_analysis.evidence import render
from rootspan_analysis.explanation import Cause, Evidence, Explanation
from rootspan_analysis.question import NS_PER_S, Window
from rootspan_analysis.reader import Reader
from rootspan_analysis.rows import rows_of, run

__all__ = ["changes_near", "with_changes"]

BEFORE_S: Final = 1800
"""A change that is older than this at the onset has most likely been survived."""
AFTER_S: Final = 60
"""Onsets are told to a cell or two, and people report a deploy when it is done."""
MOST: Final = 2
"""Changes that stand beneath one cause."""
LIMIT: Final = 2000


def changes_near(
    client: Reader, window: Window, dims: Mapping[str, str] | None = None, *, limit: int = LIMIT
) -> tuple[Change, ...]:
    """Changes within a window that can have touched a thing, latest first.

    Args:
        client: A reader of the store; it is only queried.
        dims: Attributes that name the thing, such as a cause's entity; none: all changes.
        limit: Most to read, the latest.

    Returns:
        What people and pipelines told, what telemetry showed, and versions first seen in the window where
        another version of the service was seen before. May be empty.

    Raises:
        StoreError: The store did not answer.
    """
    table = run(
        client,
        "rootspan_analysis.changes",
        "near",
        {"from_ns": window.from_ns, "to_ns": window.to_ns, "limit": limit},
    )
    found = [_change(row) for row in rows_of(table)]
    told = {_names(one) for one in found if one.source != "telemetry"}
    return tuple(
        one
        for one in found
        # A deploy that was told needs no telemetry to show it.
        if one.touches(dims or {}) and not (one.source == "telemetry" and _names(one) in told)
    )


def _names(one: Change) -> tuple[str, ...]:
    return one.kind, *(value for _, value in sorted(one.scope.items()))


def with_changes(client: Reader, answer: Explanation) -> Explanation:
    """The same answer with changes shortly before each cause's onset as evidence.

    Raises:
        StoreError: The store did not answer.
    """
    onsets = [one.onset_unix_ns for one in answer.causes if one.onset_unix_ns is not None]
    if not onsets:
        return answer
    window = Window(min(onsets) - BEFORE_S * NS_PER_S, max(onsets) + AFTER_S * NS_PER_S)
    known = changes_near(client, window)
    if not known:
        return answer
    return replace(answer, causes=tuple(_told(one, known) for one in answer.causes))


def _told(cause: Cause, known: Sequence[Change]) -> Cause:
    onset = cause.onset_unix_ns
    if onset is None:
        return cause
    near = [
        one
        for one in known
        if -AFTER_S * NS_PER_S <= onset - one.time_ns <= BEFORE_S * NS_PER_S and one.touches(cause.entity)
    ]
    near.sort(key=lambda one: (abs(onset - one.time_ns), one.id))
    return replace(cause, evidence=(*cause.evidence, *(_evidence(one, onset) for one in near[:MOST])))


def _evidence(change: Change, onset_ns: int) -> Evidence:
    distance_s = round((onset_ns - change.time_ns) / NS_PER_S)
    when = f"{distance_s} s before onset" if distance_s >= 0 else f"{-distance_s} s after onset"
    if change.id.startswith("version-"):
        sql = render("evidence_version", {"service": change.scope.get("service.name", "")})
        return Evidence("change", f"{change.words()}, first seen {when}", sql)
    around: dict[str, int | float | str | list[str]] = {
        "from_ns": change.time_ns - AFTER_S * NS_PER_S,
        "to_ns": change.time_ns + AFTER_S * NS_PER_S,
    }
    return Evidence("change", f"{change.words()}, {when}", render("evidence_change", around))


def _change(row: Mapping[str, object]) -> Change:
    names, values = cast(list[str], row["scope_names"]), cast(list[str], row["scope_values"])
    return Change(
        id=str(row["id"]),
        time_ns=int(cast(int, row["time_ns"])),
        kind=str(row["kind"]),
        scope=dict(zip(names, values, strict=True)),
        text=str(row["text"]),
        previous=str(row["previous"]),
        author=str(row["author"]),
        source=str(row["source"]),
    )

"""Takes away what another finding already explains: which are beginnings, and what each brings about.

Owns the rules of precedence. Each says which observation makes one finding the other's consequence. Orders
nothing.
"""

from collections.abc import Sequence
from typing import Final

from rootspan_analysis.call_graph import CallGraph, reachable
from rootspan_analysis.finding import Finding

__all__ = ["Explained", "explain_away"]

MOSTLY: Final = 0.5
"""Of a link's calls, that get no answer for the caller to be busy with them: one that lacks a processor is
late for fewer."""
_APART: Final = frozenset({"host", "gpu", "rack", "switch", "zone", "version"})
"""Kinds of causes that set some instances of a service apart from the rest."""
Explained = tuple[Finding, Finding]
"""A finding, and one that it brings about."""


def explain_away(findings: Sequence[Finding], direct: CallGraph) -> tuple[list[Finding], list[Explained]]:
    """Findings that no other brings about, in their order; and what each finding explains of the others.

    Args:
        direct: By service, those that it calls itself.
    """
    calls = reachable(direct, frozenset(one.service for one in findings))
    overloaded = {(one.service, one.operation) for one in findings if one.signal == "wait"}
    brings = [
        [
            j
            for j, effect in enumerate(findings)
            if i != j and _explains(cause, effect, calls, direct, overloaded)
        ]
        for i, cause in enumerate(findings)
    ]
    first = _beginnings(findings, brings)
    consequences = [
        (findings[i], findings[j]) for i, effects in enumerate(brings) for j in effects if j not in first
    ]
    return [findings[i] for i in first], consequences


def _beginnings(findings: Sequence[Finding], brings: Sequence[Sequence[int]]) -> list[int]:
    """Findings that nothing brings about, and of those that bring about each other one each: ascending.

    A full queue refuses, refused calls are asked again, and fill the queue: a circle begins where more is
    sent than can be taken, else with what costs most.
    """
    follows = [_closure(i, brings) for i in range(len(findings))]
    chosen: set[int] = set()
    for i in range(len(findings)):
        circle = {j for j in range(len(findings)) if i in follows[j]} | {i}
        # What brings it about is brought about by it, too, or else this is no beginning.
        if all(j in follows[i] or j == i for j in circle):
            chosen.add(max(sorted(circle), key=lambda j: (_is_full(findings[j]), findings[j].excess_s)))
    return sorted(chosen)


def _closure(start: int, brings: Sequence[Sequence[int]]) -> set[int]:
    seen: set[int] = set()
    rest = list(brings[start])
    while rest:
        one = rest.pop()
        if one not in seen:
            seen.add(one)
            rest.extend(brings[one])
    return seen


def _explains(
    cause: Finding, effect: Finding, calls: CallGraph, direct: CallGraph, overloaded: set[tuple[str, str]]
) -> bool:
    """Whether `effect` is what `cause` brings about."""
    if cause.signal == "lost":
        return _lost_explains(cause, effect)
    if effect.signal == "lost":
        return _cut_off(cause, effect)
    if cause.signal == "event":
        return _event_explains(cause, effect, direct)
    same, explained = cause.service == effect.service, False
    match effect.signal:
        case "wait":
            # Slow service fills its own queue.
            explained = same and cause.signal in ("slow", "errors", "gauge", "size", "batch")
            explained &= cause.signal != "errors" or not _is_full(effect)
            explained &= not _is_aside(cause, effect)
            # Calls that got no answer go to other instances, which have to queue more.
            explained |= cause.signal == "unanswered" and cause.peer == effect.service
            explained |= same and _is_of_the_load(cause, effect)
        case "unanswered":
            # A callee that is slow or fails leaves its callers without an answer.
            ill = cause.signal in ("slow", "errors", "gauge", "batch")
            explained = ill and cause.service == effect.peer
        case "errors":
            # A full queue refuses: where the wait grew as well, errors of the same machines come of slowness.
            full = (effect.service, effect.operation) in overloaded
            slow_or_full = cause.signal == "slow" or _is_full(cause)
            explained = same and full and slow_or_full and effect.hosts <= (cause.hosts or effect.hosts)
        case "logs" | "shape":
            explained = _logs_explained(cause, effect, calls)
        case "slow":
            # A processor that is taken away slows all that the service does.
            explained = same and cause.signal == "gauge" and _covers(cause, effect)
            # Nor is it slowness of a caller's own that it waits before it asks again.
            explained |= same and cause.signal == "unanswered"
            # What crowded instances refuse is asked of others, late and all at once.
            explained |= same and cause.signal == "wait" and _is_aside(effect, cause)
            explained |= same and cause.signal == "batch" and _is_of_the_batch(cause, effect)
            refuses = cause.signal == "errors" or _is_full(cause)
            explained |= refuses and cause.service in direct.get(effect.service, frozenset())
        case "size":
            # Larger requests are load, unless they hold up others.
            explained = same and cause.signal == "batch"
        case "batch":
            explained = same and cause.signal == "gauge" and _covers(cause, effect)
        case "gap":
            explained = _gap_explained(cause, effect)
        case "gauge":
            # Who gets no answer has work with that: connects and asks again, and tells what failed.
            unheard = cause.signal == "unanswered" and cause.detail["rate"] >= MOSTLY
            explained = same and unheard and cause.hosts.isdisjoint(effect.hosts)
    return explained


def _is_aside(slow: Finding, crowd: Finding) -> bool:
    """Whether slowness elsewhere, or of the whole service, is too little for what waits at instances that are
    sent too much. It may drive calls there, but then it costs more than their waiting does. A service that is
    slow everywhere sends no instance more than others, while one that has too much to do is slow for most
    calls, which are its own."""
    elsewhere = slow.hosts.isdisjoint(crowd.hosts)
    return crowd.fault == "hot_instance" and elsewhere and slow.excess_s <= crowd.excess_s


def _is_of_the_load(cause: Finding, effect: Finding) -> bool:
    """Whether some instances merely wait longer than the rest of a service at which too much arrives: the
    fuller queues are, the more they differ. What has a reason of its own costs more than the load does."""
    together = cause.interval.start < effect.interval.stop and effect.interval.start < cause.interval.stop
    of_all = cause.signal == "wait" and cause.fault == "load" and not cause.hosts
    return of_all and together and bool(effect.hosts) and effect.excess_s < cause.excess_s


def _is_full(cause: Finding) -> bool:
    """Whether a queue is long because more is sent than it can take."""
    return cause.signal in ("wait", "size") and cause.fault in ("load", "hot_instance")


def _event_explains(cause: Finding, effect: Finding, direct: CallGraph) -> bool:
    """What a service says has happened to it explains what it and its callers suffer from then on: a cluster
    without a leader answers nobody, and one member may be to blame for that. What befalls one build, or some
    of its machines and not the rest, it explains only where it was told there, and what a caller suffers on
    one of its own hosts alone is that host's. What machines say of themselves follows from what others say of
    them: one that nobody hears complains of the silence."""
    if effect.signal == "lost" or cause.detail["hard"]:
        return False
    if effect.signal == "event":
        told = cause.detail["elsewhere"] > effect.detail["elsewhere"] and not effect.detail["hard"]
        return told and cause.service == effect.service and bool(effect.hosts) and effect.hosts <= cause.hosts
    if effect.interval.start + 1 < cause.interval.start:
        return False
    if cause.service == effect.service:
        apart = effect.kind in _APART and bool(effect.hosts)
        return not apart or bool(cause.hosts and effect.hosts <= cause.hosts)
    if cause.service == effect.peer:
        return True
    return not effect.hosts and cause.service in direct.get(effect.service, frozenset())


def _is_of_the_batch(cause: Finding, effect: Finding) -> bool:
    """Whether most of what an operation became slower by is what large requests in its batches cost."""
    return (
        cause.operation == effect.operation
        and _covers(cause, effect)
        and cause.excess_s >= effect.excess_s / 2
    )


def _covers(cause: Finding, effect: Finding) -> bool:
    return not cause.hosts or not effect.hosts or effect.hosts <= cause.hosts


def _gap_explained(cause: Finding, effect: Finding) -> bool:
    """Where the server's time is not told by itself, a slow server looks like a slow link; one without a
    processor answers and asks late on all of its links. More requests are more work for all links."""
    if cause.signal == "gauge":
        return cause.service in (effect.service, effect.peer)
    if cause.signal == "wait" and cause.fault == "load":
        return cause.excess_s > effect.excess_s
    slow = cause.signal in ("slow", "batch")
    return slow and cause.service == effect.peer and cause.excess_s > effect.excess_s


def _lost_explains(cause: Finding, effect: Finding) -> bool:
    """Lost capacity fills the survivors' queues and makes them refuse; their callers wait, retry and fail.
    Elsewhere work shifts with the traffic that moved. Only a bad build is a fault of its own.
    """
    if effect.signal == "lost":
        return cause.service != effect.service and cause.shift > effect.shift
    if _cut_off(effect, cause):
        return False
    return effect.kind != "version"


def _cut_off(link: Finding, silent: Finding) -> bool:
    """Whether machines that live are silent because a link to several of them loses what is sent there."""
    alive = bool(silent.detail.get("living"))
    return alive and link.signal == "unanswered" and link.peer == silent.service and not link.hosts


def _logs_explained(cause: Finding, effect: Finding, calls: CallGraph) -> bool:
    """What goes wrong is logged where it happens, and by everyone above. What is merely asked for otherwise
    changes the ways below."""
    below = cause.service in calls.get(effect.service, frozenset())
    if cause.signal in ("logs", "shape"):
        if _is_new_demand(effect) and not _is_new_demand(cause):
            return _below(cause, effect, calls) and cause.z >= effect.z / 2
        if _is_new_demand(cause) and not _is_new_demand(effect):
            return False
        return below and not _below(effect, cause, calls) and cause.z >= effect.z / 2
    return cause.service in (effect.service, effect.peer) or below


def _is_new_demand(one: Finding) -> bool:
    """Whether more calls take a way that is no failure."""
    return one.fault != "error" and one.shift > 0


def _below(upper: Finding, lower: Finding, calls: CallGraph) -> bool:
    return upper.service in calls.get(lower.service, frozenset())

"""Ranks findings: takes away what another finding already explains, then orders the rest.

Owns the rules of precedence. Each says which observation makes one finding the other's consequence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rootspan_analysis.confidence import confidence
from rootspan_analysis.finding import Finding

__all__ = ["CallGraph", "Explained", "Ranked", "call_graph", "rank", "share_of"]

BONUS: Final = 0.05
"""For each further signal that agrees. Maximum plus a small bonus: a sum lets a loud weak signal win."""
WEIGHT_WITHOUT_COST: Final = 0.6
"""Signals that do not say what they cost weigh this much at most: a measured share of the loss goes first."""
UNNOTICED: Final = 0.5
HALF_WEIGHT_Z: Final = 5.0
MOSTLY: Final = 0.5
"""Of a link's calls, that get no answer for the caller to be busy with them: one that lacks a processor is
late for fewer."""
UNCOSTED: Final = frozenset({"logs", "shape", "gauge", "event"})
TAKES_OVER: Final = frozenset({"gauge", "event"})
"""Signals without a cost of their own: theirs is what they explain."""
_APART: Final = frozenset({"host", "gpu", "rack", "switch", "zone", "version"})
"""Kinds of causes that set some instances of a service apart from the rest."""
CallGraph = Mapping[str, frozenset[str]]
"""By service, those that it calls."""
Ranked = tuple[Finding, float]
Explained = tuple[Finding, Finding]
"""A finding, and one that it brings about."""


def rank(
    findings: Sequence[Finding],
    direct: CallGraph,
    *,
    root_excess_s: float,
    root_errors: float,
    visible: bool,
    top: int,
) -> tuple[list[Ranked], list[Explained]]:
    """Causes with their scores, best first, at most `top`; and what each finding explains.

    Args:
        direct: By service, those that it calls itself.
        root_excess_s, root_errors: What the requests lost altogether, from which shares are taken.
        visible: Whether they lost enough to be noticed; a part that is ill without that weighs half.
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
    kept = [findings[i] for i in first]
    consequences = [
        (findings[i], findings[j]) for i, effects in enumerate(brings) for j in effects if j not in first
    ]
    merged = _merge(kept)
    total_s = max(root_excess_s, sum(one.excess_s for one in merged), 1e-9)
    total_errors = max(root_errors, sum(one.errors for one in merged), 1e-9)
    ranked: list[tuple[Finding, float, int]] = []
    for one in merged:
        cause = one.supported_by(*(b for a, b in consequences if _same(a, one)))
        if cause.signal in TAKES_OVER:
            excess_s, errors = (
                sum(getattr(each, of) for each in cause.support) for of in ("excess_s", "errors")
            )
            cause = replace(cause, excess_s=excess_s, errors=errors)
        own = [each for each in cause.support if each.service == cause.service and each.signal in UNCOSTED]
        share = share_of(cause, total_s, total_errors)
        share *= 1.0 if visible or cause.signal in UNCOSTED else UNNOTICED
        share = max([share, *(share_of(each, total_s, total_errors) for each in own)])
        signals = {each.signal for each in cause.support} | {cause.signal}
        weight = share * (1 - cause.p_value) + BONUS * (len(signals) - 1)
        ranked.append((cause, weight, len(signals) - 1))
    ranked.sort(key=lambda one: -one[1])
    weights = [weight for _, weight, _ in ranked]
    answer: list[Ranked] = []
    for i, (cause, _, agreeing) in enumerate(ranked[:top]):
        sure = confidence(i, weights, p_value=cause.p_value, z=cause.z, agreeing=agreeing)
        answer.append((cause, min(sure, answer[-1][1]) if answer else sure))
    return answer, consequences


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


def share_of(one: Finding, total_s: float, total_errors: float) -> float:
    """Of all that was lost, how much this carries: of time or of errors, whichever is more."""
    if one.signal == "lost":
        return 1.0
    if one.signal in UNCOSTED:
        plain = WEIGHT_WITHOUT_COST * one.z / (one.z + HALF_WEIGHT_Z)
        if one.signal not in TAKES_OVER:
            return plain
        return max(plain, min(1.0, max(one.excess_s / total_s, one.errors / total_errors)))
    return min(1.0, max(one.excess_s / total_s, one.errors / total_errors))


def _same(a: Finding, b: Finding) -> bool:
    return a.service == b.service and a.kind == b.kind and dict(a.entity) == dict(b.entity)


def _merge(findings: list[Finding]) -> list[Finding]:
    """One finding an entity; operations of one service that shift alike are the service."""
    merged: list[Finding] = []
    for one in findings:
        for i, other in enumerate(merged):
            if _same(one, other) or _both_slow(one, other):
                strong, weak = (other, one) if other.z >= one.z else (one, other)
                merged[i] = replace(
                    strong,
                    excess_s=strong.excess_s + weak.excess_s,
                    errors=strong.errors + weak.errors,
                    requests=max(strong.requests, weak.requests),
                    support=(*strong.support, *weak.support, weak),
                )
                break
        else:
            merged.append(one)
    return merged


def _both_slow(a: Finding, b: Finding) -> bool:
    """Operations of one service, wherever it runs."""
    return a.service == b.service and {a.signal, b.signal} == {"slow"} and a.kind == b.kind == "operation"


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
    """Whether slowness elsewhere is too little for what waits at instances that are sent too much: it may
    drive calls there, but then it costs more than their waiting does."""
    elsewhere = bool(slow.hosts) and slow.hosts.isdisjoint(crowd.hosts)
    return crowd.fault == "hot_instance" and elsewhere and slow.excess_s <= crowd.excess_s


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


def call_graph(pairs: Iterable[tuple[str, str]]) -> CallGraph:
    """By service, those that it calls itself, from (caller, callee) pairs."""
    direct: dict[str, set[str]] = {}
    for caller, callee in pairs:
        direct.setdefault(caller, set()).add(callee)
    return {service: frozenset(callees) for service, callees in direct.items()}


def reachable(direct: CallGraph, affected: frozenset[str]) -> CallGraph:
    """By service, all that it calls, itself or through affected services.

    What goes wrong far below shows in everything between, so a chain with a healthy link carries nothing.
    """
    closed: dict[str, frozenset[str]] = {}
    for service, callees in direct.items():
        seen: set[str] = set()
        rest = list(callees)
        while rest:
            one = rest.pop()
            if one not in seen:
                seen.add(one)
                rest.extend(direct.get(one, ()) if one in affected else ())
        closed[service] = frozenset(seen)
    return closed

"""Ranks findings: takes away what another finding already explains, then orders the rest.

Owns the rules of precedence. Each says which observation makes one finding the other's consequence.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rootspan_analysis.finding import Finding

__all__ = ["Ranked", "rank"]

BONUS: Final = 0.05
"""For each further signal that agrees. Fused by maximum plus a small bonus: a sum lets a loud weak signal win."""
Ranked = tuple[Finding, float]


def rank(findings: Sequence[Finding], *, root_excess_s: float, root_errors: float, top: int) -> list[Ranked]:
    """Causes with their scores, best first, at most `top`.

    Args:
        root_excess_s, root_errors: What the requests lost altogether, from which shares are taken.
    """
    kept = list(findings)
    consequences: list[tuple[Finding, Finding]] = []
    for one in findings:
        for other in findings:
            if one is not other and _explains(other, one) and not _explains(one, other):
                consequences.append((other, one))
                if one in kept:
                    kept.remove(one)
    merged = _merge(kept)
    total_s = max(root_excess_s, sum(one.excess_s for one in merged), 1e-9)
    total_errors = max(root_errors, sum(one.errors for one in merged), 1e-9)
    ranked = []
    for one in merged:
        cause = one.supported_by(*(b for a, b in consequences if _same(a, one)))
        signals = {each.signal for each in cause.support} | {cause.signal}
        share = share_of(cause, total_s, total_errors)
        score = min(1.0, share * (1 - cause.p_value) + BONUS * (len(signals) - 1))
        ranked.append((cause, score))
    return sorted(ranked, key=lambda pair: -pair[1])[:top]


def share_of(one: Finding, total_s: float, total_errors: float) -> float:
    """Of all that was lost, how much this carries: of time or of errors, whichever is more."""
    if one.signal == "lost":
        return 1.0
    return min(1.0, max(one.excess_s / total_s, one.errors / total_errors))


def _same(a: Finding, b: Finding) -> bool:
    return a.service == b.service and a.kind == b.kind and dict(a.entity) == dict(b.entity)


def _merge(findings: list[Finding]) -> list[Finding]:
    """One finding an entity; operations of one service that shift alike are the service."""
    merged: list[Finding] = []
    for one in findings:
        for i, other in enumerate(merged):
            if _same(one, other):
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


def _explains(cause: Finding, effect: Finding) -> bool:
    """Whether `effect` is what `cause` brings about."""
    touches = cause.service in (effect.service, effect.peer)
    if cause.signal == "lost":
        # Lost capacity fills the survivors' queues, makes them refuse, and their callers wait, retry and fail.
        # Elsewhere work shifts with the traffic that moved. Only a slow or failing build is a fault of its own.
        if effect.signal == "lost":
            return cause.service != effect.service and cause.shift > effect.shift
        return effect.signal in ("wait", "unanswered", "gap") or not (touches and effect.kind == "version")
    if effect.signal == "wait":
        # Slow service fills its own queue.
        return cause.signal in ("slow", "errors") and cause.service == effect.service
    if effect.signal == "unanswered":
        # A callee that is slow or fails leaves its callers without an answer.
        return cause.signal in ("slow", "errors", "gauge") and cause.service == effect.peer
    if cause.signal == "slow" and effect.signal == "gap":
        # Where the server's time is not told by itself, a slow server looks like a slow link.
        return cause.service == effect.peer and cause.excess_s > effect.excess_s
    return False

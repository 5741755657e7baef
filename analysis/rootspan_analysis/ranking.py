"""Orders what is left once consequences are taken away: how much each cause weighs, and how sure it is.

Owns weights, and what is one cause though it was found more than once. Who explains whom is elsewhere
(`explain_away`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rootspan_analysis.call_graph import CallGraph
from rootspan_analysis.confidence import confidence
from rootspan_analysis.explain_away import Explained, explain_away
from rootspan_analysis.finding import Finding

__all__ = ["Ranked", "rank", "share_of"]

BONUS: Final = 0.05
"""For each further signal that agrees. Maximum plus a small bonus: a sum lets a loud weak signal win."""
WEIGHT_WITHOUT_COST: Final = 0.6
"""Signals that do not say what they cost weigh this much at most: a measured share of the loss goes first."""
UNNOTICED: Final = 0.5
HALF_WEIGHT_Z: Final = 5.0
UNCOSTED: Final = frozenset({"logs", "shape", "gauge", "event"})
TAKES_OVER: Final = frozenset({"gauge", "event"})
"""Signals without a cost of their own: theirs is what they explain."""
Ranked = tuple[Finding, float]


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
    kept, consequences = explain_away(findings, direct)
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

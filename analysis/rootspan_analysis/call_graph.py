"""Who calls whom: directly, and through what is affected as well. Pure; knows nothing of findings."""

from collections.abc import Iterable, Mapping

__all__ = ["CallGraph", "call_graph", "reachable"]

CallGraph = Mapping[str, frozenset[str]]
"""By service, those that it calls."""


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

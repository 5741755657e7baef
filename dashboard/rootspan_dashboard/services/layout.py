"""Where the services of a map stand: layers from callers to callees, little crossing. Pure.

Longest-path layers (a cycle's back edges are left out), then some rounds of ordering each layer by the mean
place of its neighbours (Sugiyama, Tagawa and Toda 1981).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["arrange"]

ROUNDS: Final = 6


def arrange(services: Iterable[str], calls: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Layers of services, callers first, each from top to bottom."""
    names = sorted(set(services) | {end for pair in calls for end in pair})
    forward = _without_cycles(names, calls)
    layer = _layers(names, forward)
    layers: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in names:
        layers[layer[name]].append(name)
    near: dict[str, list[str]] = defaultdict(list)
    for caller, callee in calls:
        near[caller].append(callee)
        near[callee].append(caller)
    for turn in range(ROUNDS):
        place = {name: k / max(1, len(row) - 1) for row in layers for k, name in enumerate(row)}
        for row in layers if turn % 2 == 0 else reversed(layers):
            row.sort(key=lambda name: (_mean([place[other] for other in near[name]], place[name]), name))
            place.update({name: k / max(1, len(row) - 1) for k, name in enumerate(row)})
    return layers


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _without_cycles(names: list[str], calls: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Callees by caller, without the calls that close a cycle."""
    callees: dict[str, list[str]] = defaultdict(list)
    called = {callee for _, callee in calls}
    for caller, callee in calls:
        callees[caller].append(callee)
    kept: dict[str, list[str]] = defaultdict(list)
    state: dict[str, int] = {}
    for start in [*(name for name in names if name not in called), *names]:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(sorted(callees[start])))]
        while stack:
            name, rest = stack[-1]
            follower = next(rest, None)
            if follower is None:
                state[name] = 2
                stack.pop()
            elif state.get(follower) != 1:
                kept[name].append(follower)
                if follower not in state:
                    state[follower] = 1
                    stack.append((follower, iter(sorted(callees[follower]))))
    return kept


def _layers(names: list[str], forward: dict[str, list[str]]) -> dict[str, int]:
    """Longest way to each service from one that nobody calls."""
    waiting = dict.fromkeys(names, 0)
    for followers in forward.values():
        for one in followers:
            waiting[one] += 1
    layer = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    while ready:
        name = ready.pop()
        for one in forward.get(name, ()):
            layer[one] = max(layer[one], layer[name] + 1)
            waiting[one] -= 1
            if not waiting[one]:
                ready.append(one)
    return layer

"""How far hosts' clocks are off, with error bars: what an ordering of events on several hosts rests on.

Owns the bounds that calls between hosts put on their clocks. A request arrives after it was sent and its
answer after that was, so each pair of client and server span bounds the difference from both sides; the
bounds of many calls are as narrow as the quickest of them (the intersection of Marzullo, 1984, as in NTP).
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.reader import Reader, Value, fetch, numbers, strings

__all__ = ["Clock", "fetch_clocks", "read_clocks"]

MAX_SPANS: Final = 200_000
"""Spans from which clocks are read; the quickest calls decide, and a fraction of all holds quick ones too."""


@dataclass(frozen=True, slots=True)
class Clock:
    """By how much a host's clock is ahead of most others', in seconds, give or take `error_s`."""

    ahead_s: float
    error_s: float

    @property
    def is_off(self) -> bool:
        """Whether it is certainly not like most."""
        return abs(self.ahead_s) > self.error_s


Pairs = Mapping[tuple[str, str], tuple[float, float]]
"""By (caller, callee): bounds of how far the callee's clock is ahead, in seconds."""


def fetch_clocks(
    client: Reader, parameters: Mapping[str, Value], *, spans: int, modulus: int
) -> dict[str, Clock]:
    """Clocks of the hosts that call each other in a stretch of time. May be empty.

    Args:
        parameters: As all cell queries share them, with `from_ns` and `to_ns` of the stretch.
        spans: Stored in it.
        modulus: One trace in this many is read anyway.

    Raises:
        StoreError: The store did not answer.
    """
    every = modulus * max(1, -(-spans // (MAX_SPANS * modulus)))
    table = fetch(client, "clocks", {**parameters, "clock_modulus": every})
    bounds = zip(numbers(table, "low_ns") / 1e9, numbers(table, "high_ns") / 1e9, strict=True)
    names = zip(strings(table, "caller_host"), strings(table, "callee_host"), strict=True)
    return read_clocks(
        {name: (float(low), float(high)) for name, (low, high) in zip(names, bounds, strict=True)}
    )


def read_clocks(pairs: Pairs) -> dict[str, Clock]:
    """Clocks from bounds of pairs: along the chain of calls with the least error, against the median clock.

    Pairs whose bounds contradict themselves (a clock that was set in between, spans that are no call) have
    the contradiction as their error. Hosts that no chain connects are compared within their own group only.
    """
    near: dict[str, list[tuple[str, float, float]]] = {}
    for (caller, callee), (low, high) in pairs.items():
        middle, error = (low + high) / 2, abs(high - low) / 2
        near.setdefault(caller, []).append((callee, middle, error))
        near.setdefault(callee, []).append((caller, -middle, error))
    clocks: dict[str, Clock] = {}
    for begin in sorted(near, key=lambda host: (-len(near[host]), host)):
        if begin in clocks:
            continue
        group = _walk(near, begin)
        middle = float(np.median([ahead for ahead, _ in group.values()]))
        doubt = float(np.median([error for _, error in group.values()]))
        clocks |= {host: Clock(ahead - middle, error + doubt) for host, (ahead, error) in group.items()}
    return clocks


def _walk(near: Mapping[str, list[tuple[str, float, float]]], begin: str) -> dict[str, tuple[float, float]]:
    """Each host that calls connect with `begin`: how far it is ahead of it, and the error of that."""
    found: dict[str, tuple[float, float]] = {}
    queue: list[tuple[float, str, float]] = [(0.0, begin, 0.0)]
    while queue:
        error, host, ahead = heapq.heappop(queue)
        if host in found:
            continue
        found[host] = (ahead, error)
        for other, more, doubt in near[host]:
            if other not in found:
                heapq.heappush(queue, (error + doubt, other, ahead + more))
    return found

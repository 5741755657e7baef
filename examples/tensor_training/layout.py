"""Which ranks share a layer, and what may go wrong where. Pure."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS = 3
"""Replicas; each is a pair of ranks that share every layer."""
RANKS = 2 * PAIRS
SLOW_RANK, SLOW_PAIR = 3, 1
SLOW_S, LINK_S = 0.04, 0.03
FAULTS: Mapping[str, str] = {
    "slow-worker": "one rank of a pair computes slowly; the other one of the pair waits in every layer",
    "slow-link": "the link within one pair is slow; both of its ranks compute as ever",
}


def pair_of(pair: int) -> list[int]:
    """The ranks of a pair."""
    return [2 * pair, 2 * pair + 1]


def host_of(rank: int) -> str:
    """The machine that a rank stands for; all of them are this one."""
    return f"gpu-{rank + 1:03d}"

"""Which rank is which stage of which replica, and what may go wrong where. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FAULTS = {
    "slow-worker": "one worker computes more slowly than its peer in the other replica",
    "long-stage": "one stage has more layers than the others; no host is at fault",
    "slow-link": "the link between two stages of one replica is slow; both ends compute as ever",
}
"""And what a diagnosis should say."""
SLOW_RANK, LONG_STAGE = 1, 1
SLOW_S = 0.03
"""What a slow worker needs more for each forward pass of a microbatch."""
SLOW_LINK = (1, 2)
"""Ranks at the ends of a slow link, neighbours in the first replica."""
LINK_S = 0.03
"""What each tensor that crosses it needs more."""
LONG_FACTOR = 6
"""How many times the layers of the others a long stage has."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Replicas of a pipeline. Neighbouring ranks are neighbouring stages."""

    stages: int
    replicas: int

    @property
    def ranks(self) -> int:
        """Processes in all."""
        return self.stages * self.replicas

    def stage_of(self, rank: int) -> int:
        """The stage that a rank computes."""
        return rank % self.stages

    def peers_of(self, stage: int) -> list[int]:
        """The ranks that compute a stage, one in each replica."""
        return list(range(stage, self.ranks, self.stages))

    def text(self) -> str:
        """For ROOTSPAN_PARALLEL."""
        return f"pp={self.stages},dp={self.replicas}"


def host_of(rank: int) -> str:
    """The machine that a rank stands for; all of them are this one."""
    return f"gpu-{rank + 1:03d}"

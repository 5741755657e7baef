"""What may go wrong in the training run, and on which rank. Pure data, and the clock of a fault."""

from __future__ import annotations

from dataclasses import dataclass

FAULTS = {
    "none": None,
    "slow-rank": 2,
    "slow-loader": 1,
    "killed-rank": 3,
    "hung-collective": 2,
}
"""Fault and the rank it is on."""
TRUTHS = {
    "slow-rank": "one rank computes more slowly than its peers",
    "slow-loader": "one rank waits for its data",
    "killed-rank": "one rank is gone, the others wait for it",
    "hung-collective": "one rank does not come to a collective for a while",
}
"""What a diagnosis should say."""
SLOW_S = 0.08
HANG_S = 3.0


def host_of(rank: int) -> str:
    """The machine that a rank stands for; all of them are this one."""
    return f"gpu-{rank + 1:03d}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that begins at a step, as one rank sees it."""

    name: str
    first_step: int
    rank: int

    def strikes(self, name: str, step: int) -> bool:
        """Whether this rank has a fault of that name in that step."""
        return self.name == name and self.rank == FAULTS[name] and step >= self.first_step

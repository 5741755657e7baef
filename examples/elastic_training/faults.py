"""What may go wrong in an elastic job, and on which rank. Pure data."""

from __future__ import annotations

from collections.abc import Mapping

NODES = 2
TRUTHS: Mapping[str, str] = {
    "hung-collective": "one rank does not come to a collective for a while",
    "late-joiner": "one rank joins the job late, and the others wait for it before their first step",
    "checkpoint-stall": "what checkpoints are written to has become slow, and all ranks wait for the writer",
    "restart": "one rank is killed; the job goes on from its checkpoint as its second attempt",
}
"""What a diagnosis should say."""
HANG_S = 3.0
LATE_S = 18.0
SAVE_EVERY = 10
SLOW_BYTES_PER_S = 1_500_000
"""What a slow disk takes. The state of the model has a little over a megabyte."""


def struck_rank(fault: str, ranks: int) -> int | None:
    """The rank that a fault is on: who writes checkpoints, else the last one; None where nothing breaks."""
    if fault not in TRUTHS:
        return None
    return 0 if fault == "checkpoint-stall" else ranks - 1


def host_of(rank: int, ranks_a_node: int) -> str:
    """The machine that a rank stands for; all of them are this one."""
    return f"node-{rank // ranks_a_node + 1}"

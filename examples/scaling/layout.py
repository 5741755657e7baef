"""How long the work takes on one rank, and what a link that all ranks share adds on more. Pure.

A batch is divided among the ranks, so each computes `COMPUTE_S / N` a step. Their ring all-reduce moves
`2 (N - 1)` times the gradients over the one link (Patarasuk, Yuan: Bandwidth optimal all-reduce algorithms,
2009: each rank sends `2 (N - 1) / N` of them), so the link needs `LINK_S` times that. By this the 2-rank run
has an efficiency of 0.88 and the 4-rank run of 0.55, which is hardly faster than two.
"""

from __future__ import annotations

from collections.abc import Mapping

COMPUTE_S = 0.3
LINK_S = 0.0103
BATCH_TOKENS = 4096
WANTED = 0.7
"""`rootspan cost --min-efficiency` of the example."""
PRICE = 2.5
"""Of a GPU-hour: an assumption, as are the GPUs; a rank stands for one."""
SIZES = {"none": (1, 2), "four-ranks": (1, 2, 4)}
FAULTS: Mapping[str, str] = {
    "four-ranks": "four ranks are hardly faster than two: their distribution does not pay, that of two does"
}


def communication_s(ranks: int) -> float:
    """Seconds that the shared link needs for one all-reduce of all gradients."""
    return LINK_S * 2 * (ranks - 1)


def efficiency(ranks: int) -> float:
    """What the model of this module expects: T1 / (N * TN)."""
    return COMPUTE_S / (ranks * (COMPUTE_S / ranks + communication_s(ranks)))

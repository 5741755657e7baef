"""The row of the table: data parallelism."""

from __future__ import annotations

from examples.ddp_training.faults import FAULTS, TRUTHS, host_of
from examples.harness.rows import Live
from examples.harness.truth import Truth


def _rank(fault: str, *kinds: str) -> Truth:
    rank = FAULTS[fault]
    assert rank is not None
    return Truth(TRUTHS[fault], ({"training.rank": str(rank)}, {"host.name": host_of(rank)}), kinds)


ROW = Live(
    system="data parallelism",
    module="examples.ddp_training",
    arguments=("--steps", "200"),
    short_arguments=("--steps", "60"),
    faults={
        "slow-rank": _rank("slow-rank", "straggler"),
        "slow-loader": _rank("slow-loader", "data_loader"),
        "killed-rank": _rank("killed-rank", "hang"),
        "hung-collective": _rank("hung-collective", "stall"),
    },
)

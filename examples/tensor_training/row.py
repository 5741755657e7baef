"""The row of the table: model parallelism, pairs of ranks that share each layer."""

from __future__ import annotations

from examples.harness.rows import Live
from examples.harness.truth import Truth
from examples.tensor_training.layout import FAULTS, SLOW_PAIR, SLOW_RANK, host_of, pair_of

_ENDS = [host_of(rank) for rank in pair_of(SLOW_PAIR)]

ROW = Live(
    system="model parallelism: tensor-parallel pairs",
    module="examples.tensor_training",
    arguments=("--steps", "160"),
    short_arguments=("--steps", "60"),
    faults={
        "slow-worker": Truth(
            FAULTS["slow-worker"],
            ({"training.rank": str(SLOW_RANK)}, {"host.name": host_of(SLOW_RANK)}),
            ("straggler",),
        ),
        "slow-link": Truth(
            FAULTS["slow-link"], ({"host.name": _ENDS[0], "peer.host.name": _ENDS[1]},), ("slow_link",)
        ),
    },
)

"""The row of the table: model parallelism, a pipeline."""

from __future__ import annotations

from examples.harness.rows import Live
from examples.harness.truth import Truth
from examples.pipeline_training.layout import FAULTS, LONG_STAGE, SLOW_LINK, SLOW_RANK, host_of

LINK = {"host.name": host_of(SLOW_LINK[0]), "peer.host.name": host_of(SLOW_LINK[1])}

ROW = Live(
    system="model parallelism: pipeline",
    module="examples.pipeline_training",
    arguments=("--steps", "120"),
    short_arguments=("--steps", "40", "--stages", "2"),
    faults={
        "slow-worker": Truth(
            FAULTS["slow-worker"],
            ({"training.rank": str(SLOW_RANK)}, {"host.name": host_of(SLOW_RANK)}),
            ("straggler",),
        ),
        "slow-link": Truth(FAULTS["slow-link"], (LINK,), ("slow_link",)),
        "long-stage": Truth(FAULTS["long-stage"], ({"training.pp_rank": str(LONG_STAGE)},), ("long_stage",)),
    },
)

"""The row of the table: training distribution and coordination."""

from __future__ import annotations

from examples.elastic_training.faults import TRUTHS
from examples.harness.rows import Live
from examples.harness.truth import Truth


def _last(fault: str, kind: str) -> Truth:
    # The last rank of four, or of two in the short form: either is on the second node.
    last = [{"training.rank": rank, "host.name": "node-2"} for rank in ("3", "1")]
    return Truth(TRUTHS[fault], tuple(last), (kind,))


ROW = Live(
    system="training distribution and coordination",
    module="examples.elastic_training",
    arguments=("--steps", "160"),
    short_arguments=("--steps", "60", "--ranks-a-node", "1"),
    faults={
        "hung-collective": _last("hung-collective", "stall"),
        "late-joiner": _last("late-joiner", "late_joiner"),
        "checkpoint-stall": Truth(
            TRUTHS["checkpoint-stall"], ({"training.phase": "checkpoint"},), ("checkpoint_stall",)
        ),
        "restart": _last("restart", "hang"),
    },
)

"""The row of the table: consensus."""

from __future__ import annotations

from examples.consensus.faults import FAULTS, LEADER, OLD_MODEL
from examples.harness.rows import Retold
from examples.harness.truth import Truth

_NODE = {"service.name": "registry"}
_SERVER = {"service.name": "model-server"}

ROW = Retold(
    system="consensus",
    module="examples.consensus",
    faults={
        "leader-lost": Truth(
            FAULTS["leader-lost"].truth,
            ({**_NODE, "host.name": LEADER},),
            ("lost_instances", "peer_unreachable"),
        ),
        "election-storm": Truth(
            FAULTS["election-storm"].truth, ({**_NODE, "host.name": "raft-05"},), ("election_storm",)
        ),
        "slow-follower": Truth(
            FAULTS["slow-follower"].truth, ({**_NODE, "host.name": "raft-02"},), ("slow_host",)
        ),
        "minority-partition": Truth(
            FAULTS["minority-partition"].truth,
            (
                {**_NODE, "cloud.availability_zone": "us-east-1c"},
                {**_NODE, "host.name": "raft-04,raft-05"},
            ),
            ("peer_unreachable",),
        ),
        "split-versions": Truth(
            FAULTS["split-versions"].truth,
            ({**_SERVER, "host.name": "gpu-003,gpu-004"}, {**_SERVER, "gen_ai.request.model": OLD_MODEL}),
            ("version_split",),
        ),
    },
    broken_s=40.0,
    once=frozenset({"leader-lost"}),
)

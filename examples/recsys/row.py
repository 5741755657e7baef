"""The row of the table: inference distributed over replicas and regions, and load balancing."""

from __future__ import annotations

from examples.harness.rows import Retold
from examples.harness.truth import Truth
from examples.recsys.faults import BAD_VERSION, FAULTS

_RANKER = {"service.name": "ranker"}

ROW = Retold(
    system="inference distribution, load balancing",
    module="examples.recsys",
    arguments=("--rate", "28"),
    faults={
        "slow-gpu": Truth(
            FAULTS["slow-gpu"].truth, ({**_RANKER, "host.name": "gpu-001"},), ("slow_host", "slow_gpu")
        ),
        "error-burst": Truth(
            FAULTS["error-burst"].truth,
            (
                {"service.name": "feature-store", "host.name": "fs-01"},
                {"service.name": "feature-store", "cloud.region": "us-east"},
            ),
            ("error",),
        ),
        "hot-replica": Truth(
            FAULTS["hot-replica"].truth, ({**_RANKER, "host.name": "gpu-001"},), ("hot_instance",)
        ),
        "unfair-balancing": Truth(
            FAULTS["unfair-balancing"].truth,
            ({**_RANKER, "host.name": "gpu-001,gpu-004"},),
            ("hot_instance",),
        ),
        "saturated-queue": Truth(
            FAULTS["saturated-queue"].truth, (_RANKER,), ("saturated_queue",), verdict="load"
        ),
        "bad-version": Truth(
            FAULTS["bad-version"].truth, ({**_RANKER, "service.version": BAD_VERSION},), ("bad_version",)
        ),
    },
)

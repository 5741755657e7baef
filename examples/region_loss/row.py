"""The row of the table: the reference fleet at its size, one region lost.

The question is asked 45 seconds after the loss; what `why` takes comes on top.
"""

from __future__ import annotations

from examples.harness.rows import Dated
from examples.harness.truth import Truth
from examples.region_loss.__main__ import FAULTS

ROW = Dated(
    system="a region lost, at the reference size",
    module="examples.region_loss",
    faults={
        "region-lost": Truth(
            FAULTS["region-lost"],
            # Which one is lost is drawn by the simulation's seed, which is fixed.
            ({"cloud.region": "eu-west"},),
            ("outage", "lost_instances"),
            alone=True,
        )
    },
    asked_s=75,
    short_arguments=("--hosts", "20", "--sampling", "0.05"),
)

"""The row of the table: geography and residency. Each region has a store and a collector of its own.

`rootspan why` is asked with both stores; what was sent to the wrong region is told by `rootspan doctor`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from examples.harness.command import NONE
from examples.harness.installation import Stage, Window
from examples.harness.programs import run_example
from examples.harness.rows import Retold
from examples.harness.truth import HEALTHY, Answer, Truth
from examples.two_regions.layout import FAULTS, REGIONS, SLOW_REGION

BROKEN = "residency-broken"


@dataclass(frozen=True, slots=True)
class TwoRegions:
    """See `Row`."""

    system: str = "geography, residency: a store in each region"
    faults: Mapping[str, Truth] = field(
        default_factory=lambda: {
            "slow-region": Truth(
                FAULTS["slow-region"],
                ({"service.name": "profiles", "store": SLOW_REGION},),
                ("slow",),
                alone=True,
            ),
            BROKEN: Truth(FAULTS[BROKEN], ({"collector": SLOW_REGION},), ("residency",), alone=True),
        }
    )
    recorded: Retold = field(
        default_factory=lambda: Retold("", "examples.two_regions", {}, healthy_s=20, broken_s=20)
    )

    def missing(self) -> str:
        """See `Row`."""
        return ""

    def truth(self, fault: str) -> Truth:
        """See `Row`."""
        return HEALTHY if fault == NONE else self.faults[fault]

    def play(self, fault: str, stage: Stage, *, short: bool) -> Window:
        """See `Row`."""
        regions = {region: stage.in_region(region) for region in REGIONS}
        if fault == BROKEN:
            begin = time.time_ns()
            goes_to = [f"--endpoint-of={name}={one.collector}" for name, one in regions.items()]
            run_example("examples.two_regions", [*goes_to, "--fault", fault, "--seconds", "6"])
            return Window(begin, time.time_ns(), BROKEN)
        healthy, broken = self.recorded.record(fault, short=short)
        windows = [
            self.recorded.tell(fault, healthy.of_region(name), broken.of_region(name), one, short=short)
            for name, one in regions.items()
        ]
        # Told a moment apart: ends are counted back from now.
        return Window(max(one.from_ns for one in windows), min(one.to_ns for one in windows))

    def ask(self, stage: Stage, window: Window) -> Answer:
        """See `Row`. Causes name the store, or the collector, that they were found at."""
        regions = {region: stage.in_region(region) for region in REGIONS}
        for one in regions.values():
            one.wait_stored()
        if window.job == BROKEN:
            reports = {name: one.doctor() for name, one in regions.items()}
            causes = [
                {
                    "entity": {"collector": name, "sender": refused["sender"]},
                    "fault": refused["reason"],
                    **check,
                }
                for name, report in reports.items()
                for check in report["checks"]
                if check["name"] == "refusals" and not check["ok"]
                for refused in check["refused_by"]
            ]
            return {"verdict": "refused" if causes else "no_fault", "causes": causes}
        stores = ",".join(f"{name}={one.store}" for name, one in regions.items())
        told = stage.ask("why", window, store=stores)
        found = [
            {**cause, "entity": {**cause["entity"], "store": name}}
            for name, answer in told["stores"].items()
            for cause in answer["causes"]
        ]
        alone = [one["store"] for one in told["regional"]]
        verdicts = {name: answer["verdict"] for name, answer in told["stores"].items()}
        return {
            "verdict": ", ".join(f"{name}: {one}" for name, one in verdicts.items()),
            "regional": told["regional"],
            "causes": [one for one in found if one["entity"]["store"] in alone] or found,
        }


ROW = TwoRegions()

"""The row of the table: cost. It asks `rootspan cost`, not `why`: nothing is broken where money is wasted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from examples.harness.command import NONE
from examples.harness.installation import S, Stage, Window
from examples.harness.programs import run_example
from examples.harness.truth import HEALTHY, Answer, Truth
from examples.scaling.layout import FAULTS, PRICE, WANTED


@dataclass(frozen=True, slots=True)
class Scaling:
    """See `Row`."""

    system: str = "cost: distribution that does not pay"
    faults: Mapping[str, Truth] = field(
        default_factory=lambda: {
            "four-ranks": Truth(
                FAULTS["four-ranks"], ({"training.world_size": "4"},), ("scaling_efficiency",), alone=True
            )
        }
    )

    def missing(self) -> str:
        """See `Row`."""
        return ""

    def truth(self, fault: str) -> Truth:
        """See `Row`."""
        return HEALTHY if fault == NONE else self.faults[fault]

    def play(self, fault: str, stage: Stage, *, short: bool) -> Window:
        """See `Row`."""
        begin = time.time_ns()
        name = f"scaling-{fault}-{begin // S}"
        steps = "15" if short else "40"
        run_example(
            "examples.scaling",
            ["--endpoint", stage.collector, "--fault", fault, "--job", name, "--steps", steps],
        )
        return Window(begin, time.time_ns(), name)

    def ask(self, stage: Stage, window: Window) -> Answer:
        """See `Row`. Jobs that do not pay are its causes."""
        told = stage.ask("cost", window, "--price", str(PRICE), "--min-efficiency", str(WANTED))
        ours = [one for one in told["jobs"] if one["job"].startswith(f"{window.job}-")]
        causes = [
            {
                "entity": {**one["entity"], "training.world_size": str(one["ranks"])},
                "fault": "scaling_efficiency",
                "evidence": [{"text": one["text"]}],
            }
            for one in ours
            if not one["pays"]
        ]
        return {**told, "jobs": ours, "causes": causes}


ROW = Scaling()

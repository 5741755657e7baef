"""A process of a region: its gateway, or an instance of `profiles`, which reads where its data lies.

`python -m examples.two_regions.server ASSIGNMENT-AS-JSON`.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from examples.harness.processes import hold_signals, serve_until_stopped
from examples.harness.vitals import tell_vitals
from examples.two_regions.layout import READ_S, SLOW_READ_S, place_of

import rootspan


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is told: its place, where its telemetry goes, and, if it is a gateway, whom it asks."""

    service: str
    region: str
    number: int
    endpoint: str
    callees: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve until SIGTERM."""
    mine = Assignment(**json.loads(sys.argv[1]))
    hold_signals()
    # What the SDK says of refused telemetry is for a person to see.
    logging.basicConfig(level=logging.WARNING)
    place = place_of(mine.region, mine.service, mine.number)
    rootspan.init(mine.service, mine.endpoint, resource=place, instrument=["grpc"])
    tell_vitals()
    slow = threading.Event()
    serve_until_stopped(lambda: _start(mine, slow), slow.set)


def _start(mine: Assignment, slow: threading.Event) -> tuple[int, Callable[[], object]]:
    from examples.harness import wire

    if mine.service == "gateway":
        stubs = itertools.cycle([wire.stub(one, "Profiles/Get") for one in mine.callees])

        def forward(request: dict[str, Any], _: Any) -> dict[str, Any]:
            return next(stubs)(request, timeout=5)

        server, port = wire.serve("Gateway/Get", forward, threads=16)
    else:
        chance = random.Random(mine.number)

        def get(request: dict[str, Any], _: Any) -> dict[str, Any]:
            with rootspan.span("profiles.read"):
                usual_s = SLOW_READ_S if slow.is_set() else READ_S
                time.sleep(usual_s * chance.lognormvariate(0, 0.15))
            return {"user": request["user"]}

        server, port = wire.serve("Profiles/Get", get, threads=16)
    return port, lambda: server.stop(0.5).wait(2)


if __name__ == "__main__":
    main()

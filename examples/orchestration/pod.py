"""The ranker's pod: `python -m examples.orchestration.pod ENDPOINT`. Each answer takes some processor time.

Where it runs it learns as in any cluster, from the downward API's variables; the SDK reads them.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from examples.harness.processes import hold_signals, serve_until_stopped
from examples.harness.vitals import tell_vitals

import rootspan

WORK_S, READ_S, DEVICE_S = 0.004, 0.012, 0.01
"""Processor time of an answer, the wait for what it reads, and its device's time."""


def main() -> None:
    """Serve until SIGTERM, which is how an orchestrator ends a pod."""
    hold_signals()
    rootspan.init("ranker", sys.argv[1], instrument=["grpc"])
    tell_vitals()
    serve_until_stopped(_start)


def _start() -> tuple[int, Callable[[], object]]:
    from examples.harness import wire

    chance = random.Random()

    def rank(request: dict[str, Any], _: Any) -> dict[str, Any]:
        with rootspan.span("features"):
            time.sleep(READ_S * chance.lognormvariate(0, 0.2))
            until_s = time.thread_time() + WORK_S
            while time.thread_time() < until_s:
                pass
        with rootspan.span("model.forward"):
            time.sleep(DEVICE_S * chance.lognormvariate(0, 0.2))
        return {"user": request["user"]}

    server, port = wire.serve("Ranker/Rank", rank, threads=8)
    return port, lambda: server.stop(0.5).wait(2)


if __name__ == "__main__":
    main()

"""An inference server: asks the registry which model serves, and serves it. What it computes is a sleep.

`python -m examples.consensus.server ASSIGNMENT-AS-JSON`.
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
from dataclasses import asdict, dataclass
from typing import Any

from examples.consensus.faults import OLD_MODEL, place_of
from examples.harness.processes import hold_signals, serve_until_stopped
from examples.harness.vitals import tell_vitals

import rootspan
from rootspan import semconv

ATTEMPTS = 3
FORWARD_S, LOAD_S = 0.02, 0.12


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a server is told; `registry` are the addresses of the nodes."""

    host: str
    registry: list[str]
    endpoint: str
    fault: str = "none"

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve until SIGTERM."""
    mine = Assignment(**json.loads(sys.argv[1]))
    hold_signals()
    logging.basicConfig(level=logging.WARNING, handlers=[logging.NullHandler()])
    place = {**place_of(mine.host), semconv.GPU_INDEX: 0}
    rootspan.init("model-server", mine.endpoint, resource=place, instrument=["grpc"])
    tell_vitals()
    stuck = threading.Event()
    serve_until_stopped(lambda: _start(mine, stuck), stuck.set)


def _start(mine: Assignment, stuck: threading.Event) -> tuple[int, Callable[[], object]]:
    from examples.harness import wire

    stubs = [wire.stub(one, "Registry/Current") for one in mine.registry]
    follows = mine.fault != "split-versions"
    server, port = wire.serve(
        "Model/Infer", ModelServer(mine.host, stubs, lambda: stuck.is_set() and not follows).infer, threads=32
    )
    return port, lambda: server.stop(0.5).wait(2)


class ModelServer:
    """Answers `Model/Infer`; while `is_stuck()`, it does not follow the registry any more."""

    def __init__(
        self, host: str, registry: list[Callable[..., dict[str, Any]]], is_stuck: Callable[[], bool]
    ) -> None:
        self._host, self._is_stuck = host, is_stuck
        # Servers begin at different nodes, so that each node is asked alike.
        self._turn = itertools.count(int(host.rpartition("-")[2]))
        self._registry, self._random = registry, random.Random()

    def infer(self, request: dict[str, Any], context: Any) -> dict[str, Any]:
        """Ask which version serves, and run it."""
        import grpc

        agreed = ""
        for attempt in range(ATTEMPTS):
            ask = self._registry[next(self._turn) % len(self._registry)]
            try:
                with rootspan.attempt(attempt):
                    agreed = ask({}, timeout=1.5)["version"]
                break
            except grpc.RpcError:
                continue
        if not agreed:
            context.abort(grpc.StatusCode.UNAVAILABLE, "nobody says which version serves")
        serves = OLD_MODEL if self._is_stuck() else agreed
        if serves != agreed:
            from examples.harness.events import tell

            words = f"{self._host} serves {serves}, agreed is {agreed}"
            tell("model.version.split", words, {semconv.GEN_AI_RESPONSE_MODEL: serves})
        with rootspan.span("model.forward", {semconv.GEN_AI_REQUEST_MODEL: serves}):
            time.sleep(FORWARD_S * self._random.lognormvariate(0, 0.1) + LOAD_S * (serves != agreed))
        return {"model": serves, "score": self._random.random()}


if __name__ == "__main__":
    main()

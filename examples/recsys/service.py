"""One process of the fleet: `python -m examples.recsys.service PLACE-AS-JSON`.

Owns the wiring of one role; everything it needs to know comes in its argument, its faults included.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from examples.harness.processes import hold_signals, serve_until_stopped
from examples.harness.vitals import tell_vitals
from examples.recsys.faults import BAD_VERSION
from examples.recsys.topology import Place

import rootspan


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is told: its place, whom it calls, where telemetry goes, and how it breaks.

    Attributes:
        near, far: Addresses it calls, in its own region and in the other one.
        fault: How this process breaks when it is told to.
        port: Where to listen; 0 for any free port.
    """

    place: Place
    endpoint: str
    near: list[str] = field(default_factory=list)
    far: list[str] = field(default_factory=list)
    fault: str = "none"
    port: int = 0

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Assignment:
        """From the command line."""
        fields = json.loads(text)
        return cls(**{**fields, "place": Place(**fields["place"])})


def main() -> None:
    """Serve until SIGTERM."""
    mine = Assignment.from_json(sys.argv[1])
    hold_signals()
    # Records go to the collector; the terminal stays readable.
    logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
    rootspan.init(mine.place.service, mine.endpoint, resource=mine.place.resource(), instrument=["grpc"])
    tell_vitals()
    fault = threading.Event()
    serve_until_stopped(lambda: _start(mine, fault), fault.set)


def _start(mine: Assignment, fault: threading.Event) -> tuple[int, Callable[[], object]]:
    # gRPC is imported after init(), which prepares it for fork, and instruments what is made from then on.
    from examples.harness import wire

    def broken(name: str) -> bool:
        return mine.fault == name and fault.is_set()

    if mine.place.service == "gateway":
        from examples.recsys.gateway import serve_http

        http, port = serve_http(wire.stub(mine.near[0], "Balancer/Recommend"))
        threading.Thread(target=http.serve_forever, name="http", daemon=True).start()
        return port, http.shutdown
    if mine.place.service == "balancer":
        from examples.recsys.balancer import Balancer

        def first_share() -> float:
            return 0.9 * broken("hot-replica") + 1.0 * broken("unfair-balancing")

        near, far = ([wire.stub(one, "Ranker/Rank") for one in group] for group in (mine.near, mine.far))
        answer = Balancer(near, far, first_share).recommend
        server, port = wire.serve("Balancer/Recommend", answer, threads=64, port=mine.port)
    elif mine.place.service == "ranker":
        from examples.recsys.ranker import Ranker

        def slowdown() -> float:
            return 5.0 if broken("slow-gpu") else 2.5 if mine.place.version == BAD_VERSION else 1.0

        get = wire.stub(mine.near[0], "FeatureStore/Get")
        server, port = wire.serve("Ranker/Rank", Ranker(get, slowdown).rank, threads=48, port=mine.port)
    else:
        from examples.recsys.features import FeatureStore

        features = FeatureStore(lambda: broken("error-burst"))
        server, port = wire.serve("FeatureStore/Get", features.get, threads=16, port=mine.port)
    return port, lambda: server.stop(1).wait(2)


if __name__ == "__main__":
    main()

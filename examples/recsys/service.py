"""One process of the fleet: `python -m examples.recsys.service PLACE-AS-JSON`.

Prints a line with its port when it serves, and on SIGTERM a line with what it delivered. Owns the wiring of
one role; everything it needs to know comes in its argument.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from examples.recsys.topology import Place

import rootspan


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is told: its place, whom it calls, where telemetry goes, and whether it breaks.

    Attributes:
        near, far: Addresses it calls, in its own region and in the other one.
        breaks_after_s: When its fault begins, in seconds after the start; None for a healthy process.
    """

    place: Place
    endpoint: str
    near: list[str] = field(default_factory=list)
    far: list[str] = field(default_factory=list)
    breaks_after_s: float | None = None

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
    # Blocked here, in all threads to come, and waited for below: a handler may be left unrun while the main
    # thread waits, when the kernel gives the signal to one of gRPC's threads.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it, and tells us by SIGTERM
    # Records go to the collector; the terminal stays readable.
    logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
    rootspan.init(mine.place.service, mine.endpoint, resource=mine.place.resource(), instrument=["grpc"])
    port, stop = _start(mine, _fault_clock(mine.breaks_after_s))
    print(json.dumps({"port": port}), flush=True)
    signal.sigwait({signal.SIGTERM})
    stop()
    delivery = rootspan.shutdown()
    print(json.dumps({"sent": delivery.sent, "dropped": delivery.n_dropped}), flush=True)


def _fault_clock(after_s: float | None) -> Callable[[], bool]:
    begins = float("inf") if after_s is None else time.monotonic() + after_s
    return lambda: time.monotonic() >= begins


def _start(mine: Assignment, broken: Callable[[], bool]) -> tuple[int, Callable[[], object]]:
    # gRPC is imported after init(), which prepares it for fork, and instruments what is made from then on.
    from examples.recsys import wire

    if mine.place.service == "gateway":
        from examples.recsys.gateway import serve_http

        http, port = serve_http(wire.stub(mine.near[0], "Balancer/Recommend"))
        threading.Thread(target=http.serve_forever, name="http", daemon=True).start()
        return port, http.shutdown
    if mine.place.service == "balancer":
        from examples.recsys.balancer import Balancer

        near, far = ([wire.stub(one, "Ranker/Rank") for one in group] for group in (mine.near, mine.far))
        server, port = wire.serve("Balancer/Recommend", Balancer(near, far).recommend, threads=32)
    elif mine.place.service == "ranker":
        from examples.recsys.ranker import Ranker

        get = wire.stub(mine.near[0], "FeatureStore/Get")
        server, port = wire.serve(
            "Ranker/Rank", Ranker(get, lambda: 5.0 if broken() else 1.0).rank, threads=48
        )
    else:
        from examples.recsys.features import FeatureStore

        server, port = wire.serve("FeatureStore/Get", FeatureStore(broken).get, threads=16)
    return port, lambda: server.stop(1).wait(2)


if __name__ == "__main__":
    main()

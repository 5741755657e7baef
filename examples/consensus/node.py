"""One node of the cluster: `python -m examples.consensus.node ASSIGNMENT-AS-JSON`."""

from __future__ import annotations

import itertools
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from examples.consensus.faults import place_of
from examples.harness.processes import hold_signals, serve_until_stopped
from examples.harness.vitals import tell_vitals

import rootspan

if TYPE_CHECKING:
    from examples.consensus.registry import Registry

WATCH_S = 0.1
COMMIT_WITHIN_S = 1.0
SILENT_S, TELL_EVERY_S = 2.0, 1.0
"""After how long a leader tells of a peer that it does not hear, and how often."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a node is told.

    Attributes:
        peers: Addresses of all nodes by host, this one's included.
        fault: How it breaks when it is told to.
    """

    host: str
    peers: dict[str, str]
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
    rootspan.init("registry", mine.endpoint, resource=place_of(mine.host), instrument=["grpc"])
    tell_vitals()
    serve_until_stopped(lambda: _start(mine), lambda: _break(mine))


def _start(mine: Assignment) -> tuple[int, Callable[[], object]]:
    from examples.consensus.registry import Registry
    from examples.harness import wire

    others = [address for host, address in mine.peers.items() if host != mine.host]
    registry = Registry(mine.peers[mine.host], others)
    threading.Thread(target=_watch, args=(registry, mine), name="watch", daemon=True).start()
    server, port = wire.serve("Registry/Current", Answering(registry).answer, threads=32)

    def stop() -> None:
        server.stop(0.5).wait(2)
        registry.destroy()

    return port, stop


class Answering:
    """Answers `Registry/Current`: an empty message asks for the version.

    `{"put": version}` agrees on one, `{"lead": address}` hands leadership over, `{"status": true}` asks
    who leads.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry, self._numbers = registry, itertools.count()

    def answer(self, request: dict[str, Any], context: Any) -> dict[str, Any]:
        """See the class."""
        import grpc
        from pysyncobj import SyncObjException

        if "status" in request:
            leader = self._registry.getStatus()["leader"]
            return {"leader": leader.id if leader else "", "ready": self._registry.isReady()}
        if "lead" in request:
            self._registry.transferLeadership(request["lead"])
            return {}
        try:
            with rootspan.span("raft.commit"):
                if "put" in request:
                    version = self._registry.put(request["put"], sync=True, timeout=COMMIT_WITHIN_S)
                else:
                    version = self._registry.read(next(self._numbers), sync=True, timeout=COMMIT_WITHIN_S)
        except SyncObjException as err:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"not agreed within {COMMIT_WITHIN_S:g} s: {err}")
        return {"version": version}


def _watch(registry: Registry, mine: Assignment) -> None:
    """Tell of elections, each term for which this node stands and each that it wins, and of silent peers."""
    from examples.consensus.registry import CANDIDATE, LEADER
    from examples.harness.events import tell

    stood = won = -1
    leads_since_s = told_s = 0.0
    while True:
        status = registry.getStatus()
        term, state = registry.raftCurrentTerm, status["state"]
        if state == CANDIDATE and term != stood:
            stood = term
            words = f"{mine.host} hears no leader and calls for an election, term {term}"
            tell("raft.election.started", words, {"raft.term": term})
        elif state == LEADER and term != won:
            won, leads_since_s = term, time.monotonic()
            tell("raft.leader.elected", f"{mine.host} leads, term {term}", {"raft.term": term}, severe=False)
        elif state == LEADER and time.monotonic() > told_s + TELL_EVERY_S:
            told_s = time.monotonic()
            _tell_silent(mine, leads_since_s)
        time.sleep(WATCH_S)


def _tell_silent(mine: Assignment, since_s: float) -> None:
    """Tell of each peer that this leader does not hear; followers hear nobody but their leader."""
    from examples.consensus.registry import Links
    from examples.harness.events import tell

    for host, address in mine.peers.items():
        silent_s = time.monotonic() - max(since_s, Links.heard_s.get(address, 0.0))
        if host != mine.host and silent_s > SILENT_S:
            words = f"{mine.host} leads, and has not heard {host} for {silent_s:.0f} s"
            tell("raft.peer.unreachable", words, {"host.name": host})


def _break(mine: Assignment) -> None:
    from examples.consensus.registry import Links

    everyone = frozenset(mine.peers.values())
    if mine.fault == "election-storm":
        Links.deaf_to = everyone
    elif mine.fault == "slow-follower":
        Links.delay_s = 0.06
    elif mine.fault == "minority-partition":
        theirs = frozenset(mine.peers[host] for host in ("raft-01", "raft-02", "raft-03"))
        Links.deaf_to = Links.mute_to = theirs


if __name__ == "__main__":
    main()

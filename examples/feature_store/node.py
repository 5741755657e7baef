"""One node of the store, and what looks after it: `python -m examples.feature_store.node ASSIGNMENT-AS-JSON`.

Redis tells nothing by itself. This process starts it, reports its role, its offset and how far it is behind,
and says when it falls behind or takes the primary's place. Killed, it takes Redis with it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from examples.feature_store.faults import PRIMARY, place_of
from examples.harness.processes import hold_signals, serve_until_stopped
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

import rootspan

BEAT = "heartbeat"
BEAT_S = 0.2
BEHIND_S = 2.0
"""From here on a replica says that it is behind: ten beats that did not come."""
TELL_EVERY_S = 1.0
PAUSE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a node is told; `primary_port` is None on the primary."""

    host: str
    endpoint: str
    primary_port: int | None = None
    fault: str = "none"

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve until SIGTERM."""
    mine = Assignment(**json.loads(sys.argv[1]))
    hold_signals()
    rootspan.init("redis", mine.endpoint, resource=place_of(mine.host))
    node = Node(mine)
    serve_until_stopped(node.start, node.begin_fault)


@dataclass(slots=True)
class Node:
    """Redis, and the thread that watches it.

    A primary writes the time into its data, over and over: what of that has reached a replica tells how far
    that is behind, also where its link seems well.
    """

    assignment: Assignment
    behind_s: float = 0.0
    offset: int = 0
    was: str = ""
    port: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> tuple[int, Callable[[], object]]:
        """Start Redis and watch it. Returns its port, and how to stop."""
        from examples.feature_store.redis_server import RedisServer

        of = self.assignment.primary_port
        settings = ['save ""', "appendonly no", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1"]
        settings += [f"replicaof 127.0.0.1 {of}"] if of else []
        server = RedisServer("redis-server", settings)
        server.wait_until_serving()
        watch = threading.Thread(target=self._watch, args=(server.port,), name="watch", daemon=True)
        watch.start()
        meter = metrics.get_meter("examples")
        meter.create_observable_gauge("redis.replication.offset", [self._observe_offset], "By")
        meter.create_observable_gauge("redis.replica.time_behind_source", [self._observe_behind], "s")
        self.port = server.port

        def stop() -> None:
            self._stopping.set()
            watch.join(5)
            server.stop()

        return server.port, stop

    def begin_fault(self) -> None:
        """Take in no more of what the primary sends: readers are served as ever."""
        import redis

        redis.Redis("127.0.0.1", self.port).execute_command("CLIENT", "PAUSE", PAUSE_MS, "WRITE")

    def _watch(self, port: int) -> None:
        import redis

        client = redis.Redis("127.0.0.1", port, socket_timeout=5, decode_responses=True)
        told_s = 0.0
        while not self._stopping.wait(BEAT_S):
            try:
                now = client.info("replication")
                self._role(now["role"])
                if now["role"] == "master":
                    client.set(BEAT, time.time_ns())
                    self.behind_s, self.offset = 0.0, now["master_repl_offset"]
                    continue
                seen_ns = int(client.get(BEAT) or time.time_ns())
            except redis.RedisError:
                continue
            self.behind_s, self.offset = (time.time_ns() - seen_ns) / 1e9, now["slave_repl_offset"]
            # Without a link it is not behind: its primary is gone, which is another story.
            linked = now["master_link_status"] == "up"
            if linked and self.behind_s > BEHIND_S and time.monotonic() > told_s + TELL_EVERY_S:
                told_s = time.monotonic()
                self._tell_behind()

    def _role(self, role: str) -> None:
        from examples.harness.events import tell

        if role == "master" and self.was == "slave":
            host = self.assignment.host
            words = f"{host} is the primary now, in place of {PRIMARY}"
            # About the one that is gone: who took its place is well.
            tell("replication.failover", words, {"host.name": PRIMARY, "redis.primary": host})
        self.was = role

    def _tell_behind(self) -> None:
        from examples.harness.events import tell

        words = f"{self.assignment.host} is {self.behind_s:.1f} s behind its primary"
        tell("replication.lag", words, {"redis.replica.time_behind_source": self.behind_s})

    def _observe_offset(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self.offset)

    def _observe_behind(self, _: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self.behind_s)


if __name__ == "__main__":
    main()

"""A ranker: notes a click with the primary, reads features from the replica, and ranks. That is a sleep.

`python -m examples.feature_store.ranker ASSIGNMENT-AS-JSON`.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from examples.feature_store.faults import GROUP, PRIMARY, REPLICA, SENTINELS, place_of
from examples.harness.processes import hold_signals, serve_until_stopped
from examples.harness.vitals import tell_vitals
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

import rootspan
from rootspan import semconv

if TYPE_CHECKING:
    import redis

ATTEMPTS, PAUSE_S = 12, 0.4
"""Of a write: a failover takes two to three seconds."""
AWAIT_S, POLL_S = 0.15, 0.03
"""How long to wait for a version on the replica before the primary is asked, and how often to look."""
FORWARD_S = 0.015


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a ranker is told; `ports` of the nodes and sentinels by their names."""

    host: str
    endpoint: str
    ports: dict[str, int]

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve until SIGTERM."""
    mine = Assignment(**json.loads(sys.argv[1]))
    hold_signals()
    place = {**place_of(mine.host), semconv.GPU_INDEX: 0}
    rootspan.init("ranker", mine.endpoint, resource=place, instrument=["grpc", "redis"])
    tell_vitals()
    serve_until_stopped(lambda: _start(mine))


def _start(mine: Assignment) -> tuple[int, Callable[[], object]]:
    from examples.harness import wire

    ranker = Ranker(Features(mine.ports))
    metrics.get_meter("examples").create_observable_gauge(
        "app.features.versions_behind", [ranker.observe], "{version}"
    )
    server, port = wire.serve("Ranker/Rank", ranker.rank, threads=48)
    return port, lambda: server.stop(0.5).wait(2)


class Features:
    """The store as a client sees it: who is the primary may change."""

    def __init__(self, ports: dict[str, int]) -> None:
        from examples.feature_store.redis_server import client

        self._names = {port: name for name, port in ports.items()}
        self._nodes = {host: client(ports, host) for host in (PRIMARY, REPLICA)}
        self._sentinels = [client(ports, host, timeout_s=0.3) for host in SENTINELS]
        self._primary = PRIMARY
        self._lock, self._asked_s = threading.Lock(), 0.0

    @property
    def primary(self) -> redis.Redis:
        """Takes writes."""
        return self._nodes[self._primary]

    @property
    def replica(self) -> redis.Redis:
        """Answers reads."""
        return self._nodes[REPLICA]

    def find_primary(self) -> None:
        """Ask the sentinels who it is, once for all that wait; keeps who is known where they do not say."""
        import redis

        with self._lock:
            if time.monotonic() < self._asked_s + PAUSE_S / 2:
                return
            self._asked_s = time.monotonic()
        for sentinel in self._sentinels:
            try:
                found = sentinel.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", GROUP)
            except redis.RedisError:
                continue
            if found:
                self._primary = self._names[int(found[1])]
                return


class Ranker:
    """Answers `Ranker/Rank`."""

    def __init__(self, features: Features) -> None:
        self._features, self._random = features, random.Random()
        self._behind = 0

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """By how many versions the last read was behind what this ranker had written."""
        yield Observation(self._behind)

    def rank(self, request: dict[str, Any], context: Any) -> dict[str, Any]:
        """Note the click, read the features that hold it, rank."""
        import grpc
        import redis

        key = f"features:{request['user']}"
        try:
            version = self._write(key)
            features = self._read(key, version)
        except redis.RedisError as err:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"the feature store does not answer: {err}")
        with rootspan.span("model.forward", {semconv.GEN_AI_REQUEST_MODEL: "dlrm-v3"}):
            time.sleep(FORWARD_S * self._random.lognormvariate(0, 0.1))
        return {"version": features, "items": [self._random.randrange(10_000) for _ in range(5)]}

    @rootspan.trace("features.write")
    def _write(self, key: str) -> int:
        """The new version; asks again, of whoever is the primary then, until somebody takes it."""
        import redis

        for attempt in range(ATTEMPTS):
            try:
                with rootspan.attempt(attempt):
                    version = self._features.primary.hincrby(key, "version", 1)
            except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError):
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE_S)
                self._features.find_primary()
            else:
                rootspan.set_attributes({"app.attempts": attempt + 1, "app.features.version": version})
                return int(version)
        raise AssertionError("the last attempt returns or raises")

    def _read(self, key: str, version: int) -> int:
        """The features with this version at least: from the replica, else from the primary."""
        import redis

        try:
            seen = self._await_version(key, version)
        except (redis.ConnectionError, redis.TimeoutError):
            seen = 0
        return seen if seen >= version else int(self._features.primary.hget(key, "version") or 0)

    @rootspan.trace("features.await_version")
    def _await_version(self, key: str, version: int) -> int:
        """What the replica has after a while."""
        deadline = time.monotonic() + AWAIT_S
        while True:
            seen = int(self._features.replica.hget(key, "version") or 0)
            self._behind = max(0, version - seen)
            if seen >= version or time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        rootspan.set_attributes({"app.features.version": seen, "app.features.versions_behind": self._behind})
        return seen


if __name__ == "__main__":
    main()

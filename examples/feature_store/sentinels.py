"""Redis Sentinel: three processes that agree when the primary is gone, and promote the replica.

Owns when they may be trusted to do so: once each knows the replica and the two others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from examples.feature_store.faults import GROUP, SENTINELS
from examples.feature_store.redis_server import RedisServer, client

READY_WITHIN_S = 60.0
QUORUM = 2
DOWN_AFTER_MS = 1000


class Sentinels:
    """Three that run, by name."""

    def __init__(self, primary_port: int) -> None:
        """Start them; they are to be started and stopped by one thread."""
        settings = [
            f"sentinel monitor {GROUP} 127.0.0.1 {primary_port} {QUORUM}",
            f"sentinel down-after-milliseconds {GROUP} {DOWN_AFTER_MS}",
        ]
        self._running = {name: RedisServer("redis-sentinel", settings) for name in SENTINELS}

    @property
    def ports(self) -> Mapping[str, int]:
        """Where each listens."""
        return {name: one.port for name, one in self._running.items()}

    def wait_until_agreed(self) -> None:
        """Return once each knows the replica and the others.

        Raises:
            TimeoutError: They do not.
        """
        for one in self._running.values():
            one.wait_until_serving()
        deadline = time.monotonic() + READY_WITHIN_S
        clients = [client(self.ports, name) for name in SENTINELS]
        while True:
            known = [one.info("sentinel")["master0"] for one in clients]
            if all(one["slaves"] == 1 and one["sentinels"] == len(SENTINELS) for one in known):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the sentinels do not agree within {READY_WITHIN_S:g} s: {known}")
            time.sleep(0.1)

    def never_agree(self) -> None:
        """Have them ask for more votes than there are: the primary may be gone, and nobody is promoted."""
        for name in SENTINELS:
            client(self.ports, name).execute_command("SENTINEL", "SET", GROUP, "quorum", len(SENTINELS) + 1)

    def stop(self) -> None:
        """End them; does nothing a second time."""
        for one in self._running.values():
            one.stop()
        self._running.clear()

"""The replicated state, a model version, and the links between nodes, which can be made to fail.

Owns a subclass each of PySyncObj's node and transport. A read is a command like a write: it goes
through the log, so that it is never older than what a majority agreed on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from examples.consensus.faults import OLD_MODEL
from pysyncobj import SyncObj, SyncObjConf, replicated
from pysyncobj.transport import TCPTransport

CANDIDATE, LEADER = 1, 2
"""States of a node, as PySyncObj counts them."""


class Links(TCPTransport):  # type: ignore[misc]
    """TCP between nodes. What is dropped here is what a broken network drops.

    Attributes:
        deaf_to, mute_to: Addresses from which nothing arrives, and to which nothing leaves.
        delay_s: How long each arriving message waits.
        heard_s: When a message of an address last arrived, by the monotonic clock.
    """

    deaf_to: ClassVar[frozenset[str]] = frozenset()
    mute_to: ClassVar[frozenset[str]] = frozenset()
    delay_s: ClassVar[float] = 0.0
    heard_s: ClassVar[dict[str, float]] = {}

    def send(self, node: Any, message: Any) -> bool:
        """Send, unless the link is cut: then it only seems to be sent."""
        return node.id in self.mute_to or bool(super().send(node, message))

    def _onMessageReceived(self, node: Any, message: Any) -> None:  # noqa: N802
        if node.id in self.deaf_to:
            return
        self.heard_s[node.id] = time.monotonic()
        if self.delay_s:
            time.sleep(self.delay_s)
        super()._onMessageReceived(node, message)


class Registry(SyncObj):  # type: ignore[misc]
    """One node."""

    def __init__(self, address: str, others: Sequence[str]) -> None:
        conf = SyncObjConf(
            autoTickPeriod=0.02,
            raftMinTimeout=0.6,
            raftMaxTimeout=1.4,
            appendEntriesPeriod=0.1,
            connectionRetryTime=0.5,
            leaderFallbackTimeout=2.0,
        )
        self._version = OLD_MODEL
        super().__init__(address, list(others), conf=conf, transportClass=Links)

    @replicated  # type: ignore[untyped-decorator]
    def put(self, version: str) -> str:
        """Agree on a version."""
        self._version = version
        return version

    @replicated  # type: ignore[untyped-decorator]
    def read(self, _number: int) -> str:
        """The version that was agreed on when this was."""
        return self._version

"""Where segments go, as a seam: ClickHouse over HTTP in a collector, memory in tests."""

from __future__ import annotations

from typing import Protocol

from rootspan_collector.wal.segment import Frames
from rootspan_store.ingest import Signal

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes segments. Used by one thread at a time, but for `abort`."""

    def insert(self, signal: Signal, token: str, frames: Frames) -> None:
        """Insert Export…ServiceRequests as one block; returns only after the store has taken them.

        Repeating a token (with the same frames) is a no-op.

        Raises:
            StoreUnreachable: No answer; whether the store took them is not known.
            StoreRejected: The store answered with an error; `.code` is ClickHouse's.
        """
        ...

    def abort(self) -> None:
        """Make an insert that runs in another thread raise StoreUnreachable, and every later one."""
        ...

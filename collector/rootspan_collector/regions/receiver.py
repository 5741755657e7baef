"""Takes an OTLP request apart by region and gives each part to its own store's receiver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from rootspan_collector.errors import CollectorError, ResidencyViolated
from rootspan_collector.otlp.framing import framing
from rootspan_collector.receiver import Receiver
from rootspan_collector.regions.residency import Residency
from rootspan_collector.regions.split import NO_REGION, split_by_region
from rootspan_collector.senders.caller import Caller
from rootspan_store.ingest import Signal

__all__ = ["RegionReceiver"]


class RegionReceiver:
    """Receives requests of one signal, from any thread.

    Args:
        signal: Which.
        residency: Which store each region's data goes to.
        home: Takes what belongs to no region, unless that is refused, and counts what is.
        by_store: Receivers of the stores that `residency` names.
    """

    def __init__(
        self, signal: Signal, residency: Residency, home: Receiver, by_store: Mapping[str, Receiver]
    ) -> None:
        self._framing = framing(signal)
        self._residency = residency
        self._home = home
        self._by_store = by_store

    def receive(self, body: bytes, caller: Caller) -> None:
        """Take one request; returns only after all of its parts are durable.

        It is refused as a whole before any part is taken if one may not be stored. If a later part cannot be
        taken, earlier ones are: sent again, they are known.

        Raises:
            ResidencyViolated: A resource is of no region that has a store.
            MalformedRequest, QuotaExceeded, LogFilling, LogFull, LogUnavailable: It was not taken whole.
        """
        for receiver, part in self._choose(body, caller):
            receiver.receive(part, caller)

    def receive_later(
        self, body: bytes, caller: Caller, told: Callable[[CollectorError | None], None]
    ) -> None:
        """See `Receives.receive_later`; as for `receive`, what is refused in part is refused."""
        try:
            chosen = self._choose(body, caller)
        except CollectorError as err:
            told(err)
            return
        together = _Together(len(chosen), told)
        for receiver, part in chosen:
            receiver.receive_later(part, caller, together.settle)

    def _choose(self, body: bytes, caller: Caller) -> list[tuple[Receiver, bytes]]:
        try:
            parts = split_by_region(body)
            return [(self._receiver_for(region), part) for region, part in parts.items()]
        except ResidencyViolated as err:
            self.refuse(err, caller, self._framing.frame(body).items)
            raise
        except CollectorError as err:
            self.refuse(err, caller)
            raise

    def refuse(self, error: CollectorError, caller: Caller, items: int = 0) -> None:
        """Count a request that is turned away."""
        self._home.refuse(error, caller, items)

    def _receiver_for(self, region: str) -> Receiver:
        store = self._residency.store_of.get(region)
        if store is not None:
            return self._by_store[store]
        if self._residency.strict:
            raise ResidencyViolated("" if region == NO_REGION else region)
        return self._home


class _Together:
    """Tells once, when the last of several parts is settled: the first error, or None. Thread-safe."""

    def __init__(self, parts: int, told: Callable[[CollectorError | None], None]) -> None:
        self._lock = threading.Lock()
        self._left = parts
        self._error: CollectorError | None = None
        self._told = told
        if not parts:
            told(None)

    def settle(self, error: CollectorError | None) -> None:
        with self._lock:
            self._left -= 1
            self._error = self._error or error
            is_last = self._left == 0
        if is_last:
            self._told(self._error)

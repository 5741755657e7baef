"""Takes an OTLP request: frame, log, acknowledge. Knows no transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rootspan_collector.admission import admission_of
from rootspan_collector.errors import CollectorError, LogFilling, LogUnavailable, MalformedRequest
from rootspan_collector.otlp.framing import Framed, framing
from rootspan_collector.senders.caller import Caller
from rootspan_collector.senders.refusals import Refusals
from rootspan_collector.senders.worth import Worth, worth_of
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.log import SignalLog
from rootspan_store.ingest import Signal

__all__ = ["Receiver", "Receives"]

# How full the log may be for requests of this worth; HIGH is taken until it is full.
_MOST_USED_RATIO = {Worth.LOW: 0.7, Worth.ORDINARY: 0.85}
_PRESSURE_RATIO = min(_MOST_USED_RATIO.values())


class Receives(Protocol):
    """What a transport hands requests of one signal to, from any thread."""

    def receive(self, body: bytes, caller: Caller) -> None:
        """Take one request; returns only after it is durable. Raises CollectorError: it was not taken."""

    def receive_later(
        self, body: bytes, caller: Caller, told: Callable[[CollectorError | None], None]
    ) -> None:
        """Take one request without waiting.

        `told` is called once, from any thread, with None when it is durable, or with why it was not taken.
        """

    def refuse(self, error: CollectorError, caller: Caller, items: int = 0) -> None:
        """Count a request that is turned away."""


class Receiver:
    """Receives requests of one signal, from any thread."""

    def __init__(self, signal: Signal, log: SignalLog, budget: ByteBudget) -> None:
        self._signal = signal
        self._framing = framing(signal)
        self._log = log
        self._budget = budget
        self.refusals = Refusals()

    @property
    def malformed_requests(self) -> int:
        """Requests refused because they do not frame; their items cannot be counted."""
        return sum(one.requests for key, one in self.refusals.snapshot().items() if key.reason == "malformed")

    def receive(self, body: bytes, caller: Caller) -> None:
        """Take one request; returns only after it is durable. One without items is taken and not logged.

        Raises:
            MalformedRequest, QuotaExceeded, LogFilling, LogFull, LogUnavailable: It was not taken.
        """
        items = 0
        try:
            framed = self._framing.frame(body)
            items = framed.items
            if items:
                self._log.append(self._admit(framed, len(body), caller), items, is_replay=caller.is_replay)
        except CollectorError as err:
            self.refuse(err, caller, items)
            raise

    def receive_later(
        self, body: bytes, caller: Caller, told: Callable[[CollectorError | None], None]
    ) -> None:
        """See `Receives.receive_later`; the errors are those of `receive`."""
        items = 0

        def settled(outcome: bool | LogUnavailable) -> None:
            if isinstance(outcome, LogUnavailable):
                self.refuse(outcome, caller, items)
                told(outcome)
            else:
                told(None)

        try:
            framed = self._framing.frame(body)
            items = framed.items
            if items:
                payload = self._admit(framed, len(body), caller)
                self._log.append_later(payload, items, settled, is_replay=caller.is_replay)
            else:
                told(None)
        except CollectorError as err:
            self.refuse(err, caller, items)
            told(err)

    def _admit(self, framed: Framed, size_bytes: int, caller: Caller) -> bytes:
        """Return what goes into the log. Raises QuotaExceeded or LogFilling."""
        tenant = caller.tenant
        if tenant.quota is not None:
            tenant.quota.take(size_bytes, framed.items)
        payload = framed.payload + tenant.mark if tenant.mark else framed.payload
        if self._budget.used_ratio > _PRESSURE_RATIO:
            self._weigh(payload, framed.items)
        return payload

    def refuse(self, error: CollectorError, caller: Caller, items: int = 0) -> None:
        """Count a request that is turned away."""
        self.refusals.count(caller.label, admission_of(error).reason, items, str(error))
        if not isinstance(error, MalformedRequest):
            self._log.ledger.refuse(items)

    def _weigh(self, payload: bytes, items: int) -> None:
        used_ratio = self._budget.used_ratio
        worth = worth_of(self._signal, payload, items)
        if used_ratio > _MOST_USED_RATIO.get(worth, 1.0) and not self._log.is_known(payload):
            raise LogFilling(worth.name, used_ratio)

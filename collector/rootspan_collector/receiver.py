"""Takes an OTLP request: frame, log, acknowledge. Knows no transport but the words of gRPC's handlers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import grpc

from rootspan_collector.admission import refusal
from rootspan_collector.errors import CollectorError, LogFull, LogUnavailable, MalformedRequest
from rootspan_collector.otlp.framing import framing
from rootspan_collector.otlp.services import SERVICES
from rootspan_collector.wal.log import SignalLog
from rootspan_store.ingest import Signal

__all__ = ["Receiver", "export_handlers"]

_LOG = logging.getLogger(__name__)
# An Export…ServiceResponse without partial success is the empty message.
_ACCEPTED = b""


class Receiver:
    """Receives requests of one signal, from any thread."""

    def __init__(self, signal: Signal, log: SignalLog) -> None:
        self._framing = framing(signal)
        self._log = log
        self._lock = threading.Lock()
        self._malformed_requests = 0

    @property
    def malformed_requests(self) -> int:
        """Requests refused because they do not frame; their items cannot be counted."""
        return self._malformed_requests

    def receive(self, body: bytes) -> None:
        """Take one request; returns only after it is durable. One without items is taken and not logged.

        Raises:
            MalformedRequest, LogFull, LogUnavailable: It was not taken.
        """
        try:
            framed = self._framing.frame(body)
        except MalformedRequest:
            with self._lock:
                self._malformed_requests += 1
            raise
        if framed.items == 0:
            return
        try:
            self._log.append(framed.payload, framed.items)
        except (LogFull, LogUnavailable):
            self._log.ledger.refuse(framed.items)
            raise


def _export(receiver: Receiver) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            receiver.receive(body)
        except CollectorError as err:
            context.abort_with_status(refusal(err))
        return _ACCEPTED

    return export


def export_handlers(receivers: Mapping[Signal, Receiver]) -> tuple[grpc.GenericRpcHandler[bytes, bytes], ...]:
    """Return gRPC handlers for the three Export methods. Without (de)serializers: bodies stay bytes."""
    return tuple(
        grpc.method_handlers_generic_handler(
            service.name, {"Export": grpc.unary_unary_rpc_method_handler(_export(receivers[service.signal]))}
        )
        for service in SERVICES
    )

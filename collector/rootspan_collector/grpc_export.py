"""OTLP/gRPC's three Export methods: says who calls, hands bytes to a receiver, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import grpc

from rootspan_collector.admission import refusal
from rootspan_collector.errors import CollectorError, Unauthenticated
from rootspan_collector.otlp.services import SERVICES
from rootspan_collector.receiver import Receives
from rootspan_collector.senders.caller import ANONYMOUS, Caller
from rootspan_collector.senders.tenants import Tenants
from rootspan_store.ingest import Signal

__all__ = ["REPLAY_HEADER", "caller_of", "export_handlers"]

REPLAY_HEADER = "rootspan-replay"
"""Metadata of a request that is sent again on purpose: taken although it was taken before."""
# An Export…ServiceResponse without partial success is the empty message: what is taken is taken whole.
_ACCEPTED = b""
_CERTIFICATE_NAMES = ("x509_common_name", "x509_subject_alternative_name")


def caller_of(context: grpc.ServicerContext, tenants: Tenants) -> Caller:
    """Tell who calls. Raises Unauthenticated."""
    if not tenants.needs_proof:
        return Caller(ANONYMOUS, context.peer, lambda: _is_replay(context))
    authorization = next(
        (str(value) for key, value in context.invocation_metadata() if key == "authorization"), None
    )
    tenant = tenants.identify(authorization, _certificate_names(context))
    return Caller(tenant, context.peer, lambda: _is_replay(context))


def _is_replay(context: grpc.ServicerContext) -> bool:
    return any(key == REPLAY_HEADER for key, _ in context.invocation_metadata())


def _certificate_names(context: grpc.ServicerContext) -> Iterator[str]:
    found = context.auth_context()
    for key in _CERTIFICATE_NAMES:
        for value in found.get(key, ()):
            yield value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class _Export:
    """One Export method. Called, it waits; `later` does not (see `rootspan_collector.grpc_calls`)."""

    def __init__(self, receiver: Receives, tenants: Tenants) -> None:
        self._receiver = receiver
        self._tenants = tenants

    def __call__(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            self._receiver.receive(body, self._caller(context))
        except CollectorError as err:
            context.abort_with_status(refusal(err))
        return _ACCEPTED

    def later(
        self, body: bytes, context: grpc.ServicerContext, answer: Callable[[bytes | grpc.Status], None]
    ) -> None:
        def told(error: CollectorError | None) -> None:
            answer(_ACCEPTED if error is None else refusal(error))

        try:
            caller = self._caller(context)
        except CollectorError as err:
            told(err)
        else:
            self._receiver.receive_later(body, caller, told)

    def _caller(self, context: grpc.ServicerContext) -> Caller:
        try:
            return caller_of(context, self._tenants)
        except Unauthenticated as err:
            self._receiver.refuse(err, Caller(ANONYMOUS, context.peer))
            raise


def export_handlers(
    receivers: Mapping[Signal, Receives], tenants: Tenants
) -> tuple[grpc.GenericRpcHandler[bytes, bytes], ...]:
    """Return gRPC handlers for the three Export methods. Without (de)serializers: bodies stay bytes."""
    return tuple(
        grpc.method_handlers_generic_handler(
            service.name,
            {"Export": grpc.unary_unary_rpc_method_handler(_Export(receivers[service.signal], tenants))},
        )
        for service in SERVICES
    )

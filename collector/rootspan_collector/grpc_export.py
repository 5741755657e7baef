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


def _export(receiver: Receives, tenants: Tenants) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            receiver.receive(body, caller_of(context, tenants))
        except CollectorError as err:
            if isinstance(err, Unauthenticated):
                receiver.refuse(err, Caller(ANONYMOUS, context.peer))
            context.abort_with_status(refusal(err))
        return _ACCEPTED

    return export


def export_handlers(
    receivers: Mapping[Signal, Receives], tenants: Tenants
) -> tuple[grpc.GenericRpcHandler[bytes, bytes], ...]:
    """Return gRPC handlers for the three Export methods. Without (de)serializers: bodies stay bytes."""
    return tuple(
        grpc.method_handlers_generic_handler(
            service.name,
            {"Export": grpc.unary_unary_rpc_method_handler(_export(receivers[service.signal], tenants))},
        )
        for service in SERVICES
    )

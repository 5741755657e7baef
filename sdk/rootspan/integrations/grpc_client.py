"""gRPC channels, sync and aio: the peer's own duration and address on client spans.

Owns interceptors that stand right inside OpenTelemetry's, so that its span is current when a call begins. The
duration comes with the trailers: after the only response of a unary call, after the last one of a stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
from opentelemetry.trace import Span

from rootspan import semconv
from rootspan.context.retries import note_attempt
from rootspan.integrations.grpc_spans import Behaviour, describe, finish, finish_call, is_client
from rootspan.spans.scope import current_span


class PeerTimingInterceptor(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[type-arg, unused-ignore]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[type-arg, unused-ignore]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[type-arg, unused-ignore]
    grpc.StreamStreamClientInterceptor,  # type: ignore[type-arg, unused-ignore]
):
    """Puts the peer's duration and address on the client span that is current when the call begins."""

    def __init__(self, target: str) -> None:
        self._peer = _address(target)

    def intercept_unary_unary(self, continuation: Behaviour, client_call_details: Any, request: Any) -> Any:
        """Observe one call."""
        return self._observe(continuation(client_call_details, request))

    def intercept_stream_unary(
        self, continuation: Behaviour, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """Observe one call."""
        return self._observe(continuation(client_call_details, request_iterator))

    def intercept_unary_stream(self, continuation: Behaviour, client_call_details: Any, request: Any) -> Any:
        """Observe one call until its last response."""
        return self._observe_stream(continuation(client_call_details, request))

    def intercept_stream_stream(
        self, continuation: Behaviour, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """Describe one call; OpenTelemetry ends its span before the last response."""
        _describe_call(current_span(), self._peer)
        return continuation(client_call_details, request_iterator)

    def _observe(self, call: Any) -> Any:
        span = current_span()
        if _describe_call(span, self._peer):
            # Registered before OpenTelemetry's, which ends the span; at once if the call is over already.
            call.add_done_callback(lambda done: finish_call(span, done))
        return call

    def _observe_stream(self, call: Any) -> Any:
        span = current_span()
        return _ObservedStream(call, span) if _describe_call(span, self._peer) else call


class _ObservedStream:
    """The call itself, which settles its span just before its consumer learns that it is over."""

    def __init__(self, call: Any, span: Span) -> None:
        self._call, self._span = call, span

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except (StopIteration, grpc.RpcError):
            finish(self._span, self._call.code(), self._call.trailing_metadata())
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class AioPeerTimingInterceptor(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg, unused-ignore]
    """The same for unary calls of `grpc.aio` channels."""

    def __init__(self, target: str) -> None:
        self._peer = _address(target)

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Observe one call."""
        call = await continuation(client_call_details, request)
        span = current_span()
        if _describe_call(span, self._peer):
            finish(span, await call.code(), await call.trailing_metadata())
        return call


class AioStreamTimingInterceptor(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg, unused-ignore]
    """The same for streams of responses; grpc.aio wants an interceptor of its own for each kind of call."""

    def __init__(self, target: str) -> None:
        self._peer = _address(target)

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Observe one call until its last response."""
        span = current_span()
        described = _describe_call(span, self._peer)
        call = await continuation(client_call_details, request)
        return _observe_aio_stream(call, span) if described else call


async def _observe_aio_stream(call: Any, span: Span) -> AsyncIterator[Any]:
    try:
        async for response in call:
            yield response
    finally:
        # A consumer that stopped early has cancelled the call; there is nothing to wait for.
        if call.done():
            finish(span, await call.code(), await call.trailing_metadata())


def _describe_call(span: Span, peer: dict[str, str | int]) -> bool:
    """Whether the current span is the one OpenTelemetry made for this call; it is described then."""
    if not is_client(span):
        return False
    describe(span)
    span.set_attributes(peer)
    note_attempt(span)
    return True


def _address(target: str) -> dict[str, str | int]:
    host, _, port = target.rpartition("/")[2].rpartition(":")
    if host and port.isdigit():
        return {semconv.SERVER_ADDRESS: host.strip("[]"), semconv.SERVER_PORT: int(port)}
    return {semconv.SERVER_ADDRESS: target}

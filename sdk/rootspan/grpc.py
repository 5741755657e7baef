"""What rootspan adds to the official gRPC instrumentation: the peer's duration, and names without a slash.

Owns interceptors that stand right inside OpenTelemetry's: the server tells its own duration in a
`server-timing` trailer, the client puts it on its span as `rootspan.peer.duration_ms`, with the address it
called. Spans are called `Service/Method`, as the semantic convention has it, not `/Service/Method`.

`init(instrument=["grpc"])` puts them in place. Streaming responses carry the trailer, too, but a client
span of a streaming response does not read it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import grpc.aio
from opentelemetry.trace import Span, SpanKind

from rootspan import semconv, server_timing
from rootspan.guard import harmless
from rootspan.outcome import mark_recorded, settle
from rootspan.spans import current_span

Trailer = tuple[tuple[str, str | bytes], ...]
# gRPC's handlers are untyped: a request in, a response or an iterator of them out.
Behaviour = Callable[[Any, Any], Any]


class ServerTimingInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg, unused-ignore]
    """Appends this server's duration of each call to its trailers."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handler, if there is one."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None

        def wrap(behaviour: Behaviour) -> Behaviour:
            def timed(request: Any, context: Any) -> Any:
                started_ns = time.perf_counter_ns()
                _describe(current_span())
                try:
                    return behaviour(request, context)
                except Exception as err:
                    _fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            def timed_stream(request: Any, context: Any) -> Iterator[Any]:
                started_ns = time.perf_counter_ns()
                _describe(current_span())
                try:
                    yield from behaviour(request, context)
                except Exception as err:
                    _fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            return timed_stream if handler.response_streaming else timed

        wrapped: grpc.RpcMethodHandler[Any, Any] = _rewrap(handler, wrap)
        return wrapped


class AioServerTimingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg, unused-ignore]
    """The same for `grpc.aio` servers."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler, if there is one."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None

        def wrap(behaviour: Behaviour) -> Behaviour:
            async def timed(request: Any, context: Any) -> Any:
                started_ns = time.perf_counter_ns()
                _describe(current_span())
                try:
                    return await behaviour(request, context)
                except Exception as err:
                    _fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            async def timed_stream(request: Any, context: Any) -> AsyncIterator[Any]:
                started_ns = time.perf_counter_ns()
                _describe(current_span())
                try:
                    async for response in behaviour(request, context):
                        yield response
                except Exception as err:
                    _fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            return timed_stream if handler.response_streaming else timed

        return _rewrap(handler, wrap)


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
        """Describe one call; its duration is not known before its last response."""
        self._describe_call(current_span())
        return continuation(client_call_details, request)

    def intercept_stream_stream(
        self, continuation: Behaviour, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """Describe one call; its duration is not known before its last response."""
        self._describe_call(current_span())
        return continuation(client_call_details, request_iterator)

    def _observe(self, call: Any) -> Any:
        span = current_span()
        if self._describe_call(span):
            # Registered before OpenTelemetry's, which ends the span; at once if the call is over already.
            call.add_done_callback(lambda done: _finish_call(span, done))
        return call

    def _describe_call(self, span: Span) -> bool:
        """Whether the current span is the one OpenTelemetry made for this call; it is described then."""
        if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.CLIENT:
            return False
        _describe(span)
        span.set_attributes(self._peer)
        return True


class AioPeerTimingInterceptor(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg, unused-ignore]
    """The same for unary calls of `grpc.aio` channels."""

    def __init__(self, target: str) -> None:
        self._peer = _address(target)

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Observe one call."""
        call = await continuation(client_call_details, request)
        span = current_span()
        if span.is_recording() and getattr(span, "kind", None) is SpanKind.CLIENT:
            _describe(span)
            span.set_attributes(self._peer)
            _finish(span, await call.code(), await call.trailing_metadata())
        return call


def install() -> None:
    """Have every server and channel made from now on use these interceptors.

    To be called before OpenTelemetry's instrumentors: what they wrap last ends up outside, as it must.
    """
    _replace(grpc, "server", _with_server_interceptor(grpc.server, ServerTimingInterceptor))
    _replace(grpc.aio, "server", _with_server_interceptor(grpc.aio.server, AioServerTimingInterceptor))
    for name in ("insecure_channel", "secure_channel"):
        _replace(grpc, name, _with_client_interceptor(getattr(grpc, name)))
        _replace(grpc.aio, name, _with_aio_client_interceptor(getattr(grpc.aio, name)))


def _with_server_interceptor(make: Callable[..., Any], interceptor: type) -> Callable[..., Any]:
    def server(*args: Any, **kwargs: Any) -> Any:
        given = list(kwargs.pop("interceptors", None) or ())
        # OpenTelemetry's stands first; ours next, so that its span is current and the program's are timed.
        return make(*args, interceptors=[*given[:1], interceptor(), *given[1:]], **kwargs)

    return server


def _with_client_interceptor(make: Callable[..., Any]) -> Callable[..., Any]:
    def channel(target: str, *args: Any, **kwargs: Any) -> Any:
        return grpc.intercept_channel(make(target, *args, **kwargs), PeerTimingInterceptor(target))

    return channel


def _with_aio_client_interceptor(make: Callable[..., Any]) -> Callable[..., Any]:
    def channel(target: str, *args: Any, **kwargs: Any) -> Any:
        given = list(kwargs.pop("interceptors", None) or ())
        return make(target, *args, interceptors=[*given, AioPeerTimingInterceptor(target)], **kwargs)

    return channel


def _replace(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    setattr(owner, name, replacement)


def _rewrap(handler: Any, wrap: Callable[[Behaviour], Behaviour]) -> Any:
    shape = "_".join(
        "stream" if streaming else "unary"
        for streaming in (handler.request_streaming, handler.response_streaming)
    )
    make = getattr(grpc, f"{shape}_rpc_method_handler")
    return make(wrap(getattr(handler, shape)), handler.request_deserializer, handler.response_serializer)


@harmless
def _tell(context: Any, started_ns: int) -> None:
    _name_error(current_span(), context.code())
    duration_ms = (time.perf_counter_ns() - started_ns) / 1e6
    trailer: Trailer = tuple(context.trailing_metadata() or ())
    context.set_trailing_metadata((*trailer, (server_timing.NAME, server_timing.render(duration_ms))))


def _name_error(span: Span, code: Any) -> None:
    # grpc.aio gives 0 and sync None for a code that was not set.
    if isinstance(code, grpc.StatusCode) and code is not grpc.StatusCode.OK:
        span.set_attribute(semconv.ERROR_TYPE, code.name)


@harmless
def _fail(span: Span, err: Exception, context: Any) -> None:
    """Settle a server span that an exception leaves, by our rule instead of OpenTelemetry's.

    Its interceptor adds an event for what `abort()` raises, which is no exception of the program, and two for
    one that is; and it leaves the status as it was.
    """
    if isinstance(context.code(), grpc.StatusCode):
        mark_recorded(span, err)
    else:
        settle(span, err)
    _silence(span)


def _silence(span: Span) -> None:
    """Have this one span take no further exception events."""
    if span.is_recording():
        _replace(span, "record_exception", lambda *_args, **_kwargs: None)


@harmless
def _finish_call(span: Span, done: Any) -> None:
    """Settle a client span: the record of a failed call, whose event belongs to where the failure began."""
    if not done.cancelled():
        error = done.exception()
        if error is not None:
            mark_recorded(span, error)
            _silence(span)
    _finish(span, done.code(), done.trailing_metadata())


def _finish(span: Span, code: Any, trailer: Trailer | None) -> None:
    _name_error(span, code)
    for key, value in trailer or ():
        if key == server_timing.NAME:
            duration_ms = server_timing.parse(value)
            if duration_ms is not None:
                span.set_attribute(semconv.SERVER_DURATION_MS, duration_ms)


@harmless
def _describe(span: Span) -> None:
    """Name and method as today's semantic convention has them: `Service/Method`."""
    name = getattr(span, "name", "")
    if name.startswith("/"):
        span.update_name(name[1:])
        span.set_attributes({semconv.RPC_SYSTEM: "grpc", semconv.RPC_METHOD: name[1:]})


def _address(target: str) -> dict[str, str | int]:
    host, _, port = target.rpartition("/")[2].rpartition(":")
    if host and port.isdigit():
        return {semconv.SERVER_ADDRESS: host.strip("[]"), semconv.SERVER_PORT: int(port)}
    return {semconv.SERVER_ADDRESS: target}

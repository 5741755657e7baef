"""gRPC servers, sync and aio: tells callers the server's own duration, in a `server-timing` trailer.

Owns interceptors that stand right inside OpenTelemetry's, so that its span is current in them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import grpc.aio

from rootspan.context import server_timing
from rootspan.guard import harmless
from rootspan.integrations.grpc_spans import Behaviour, Trailer, describe, fail, note_code
from rootspan.spans.scope import current_span


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
                describe(current_span())
                try:
                    return behaviour(request, context)
                except Exception as err:
                    fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            def timed_stream(request: Any, context: Any) -> Iterator[Any]:
                started_ns = time.perf_counter_ns()
                describe(current_span())
                try:
                    yield from behaviour(request, context)
                except Exception as err:
                    fail(current_span(), err, context)
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
                describe(current_span())
                try:
                    return await behaviour(request, context)
                except Exception as err:
                    fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            async def timed_stream(request: Any, context: Any) -> AsyncIterator[Any]:
                started_ns = time.perf_counter_ns()
                describe(current_span())
                try:
                    async for response in behaviour(request, context):
                        yield response
                except Exception as err:
                    fail(current_span(), err, context)
                    raise
                finally:
                    _tell(context, started_ns)

            return timed_stream if handler.response_streaming else timed

        return _rewrap(handler, wrap)


def _rewrap(handler: Any, wrap: Callable[[Behaviour], Behaviour]) -> Any:
    shape = "_".join(
        "stream" if streaming else "unary"
        for streaming in (handler.request_streaming, handler.response_streaming)
    )
    make = getattr(grpc, f"{shape}_rpc_method_handler")
    return make(wrap(getattr(handler, shape)), handler.request_deserializer, handler.response_serializer)


@harmless
def _tell(context: Any, started_ns: int) -> None:
    note_code(current_span(), context.code())
    duration_ms = (time.perf_counter_ns() - started_ns) / 1e6
    trailer: Trailer = tuple(context.trailing_metadata() or ())
    context.set_trailing_metadata((*trailer, (server_timing.NAME, server_timing.render(duration_ms))))

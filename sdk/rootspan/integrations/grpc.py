"""Switches gRPC's tracing on: OpenTelemetry's instrumentation, with our interceptors right inside.

Owns the order in which the two are put in place. What is made after `install()` is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from rootspan.integrations.grpc_client import (
    AioPeerTimingInterceptor,
    AioStreamTimingInterceptor,
    PeerTimingInterceptor,
)
from rootspan.integrations.grpc_server import AioServerTimingInterceptor, ServerTimingInterceptor


def install() -> None:
    """Have every server and channel made from now on be traced."""
    from opentelemetry.instrumentation import grpc as official

    # Ours first: what is wrapped last ends up outside, as OpenTelemetry's must.
    _replace(grpc, "server", _with_server_interceptor(grpc.server, ServerTimingInterceptor))
    _replace(grpc.aio, "server", _with_server_interceptor(grpc.aio.server, AioServerTimingInterceptor))
    for name in ("insecure_channel", "secure_channel"):
        _replace(grpc, name, _with_client_interceptor(getattr(grpc, name)))
        _replace(grpc.aio, name, _with_aio_client_interceptor(getattr(grpc.aio, name)))
    for instrumentor in (
        official.GrpcInstrumentorClient,
        official.GrpcInstrumentorServer,
        official.GrpcAioInstrumentorClient,
        official.GrpcAioInstrumentorServer,
    ):
        instrumentor().instrument()


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
        ours = (AioPeerTimingInterceptor(target), AioStreamTimingInterceptor(target))
        return make(target, *args, interceptors=[*given, *ours], **kwargs)

    return channel


def _replace(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    setattr(owner, name, replacement)

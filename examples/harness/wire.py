"""JSON over real gRPC without generated code: one method a server, one stub a caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.trace import Status, StatusCode, format_trace_id

import rootspan

Message = dict[str, Any]
Handler = Callable[[Message, grpc.ServicerContext], Message]


def serve(method: str, handler: Handler, *, threads: int, port: int = 0) -> tuple[grpc.Server, int]:
    """Start a server of one unary method (`Service/Method`) on a port of loopback, 0 for any free one."""
    service, _, name = method.partition("/")
    server = grpc.server(ThreadPoolExecutor(max_workers=threads))
    unary = grpc.unary_unary_rpc_method_handler(handler, json.loads, _encode)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: unary}),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port


def stub(address: str, method: str) -> Callable[..., Message]:
    """A callable for one unary method; takes `timeout=` in seconds."""
    channel = grpc.insecure_channel(address)
    return channel.unary_unary(f"/{method}", _encode, json.loads)


def ask(
    name: str,
    stubs: Sequence[Callable[..., Message]],
    body: Callable[[int], Message] = lambda _number: {},
    *,
    timeout_s: float = 5.0,
) -> Callable[[int], tuple[bool, str]]:
    """For `drive`: a user's request, a root span of this process, that goes to servers in turn."""

    def one(number: int) -> tuple[bool, str]:
        with rootspan.span(name, kind="server") as span:
            trace_id = format_trace_id(span.get_span_context().trace_id)
            try:
                stubs[number % len(stubs)](body(number), timeout=timeout_s)
            except grpc.RpcError as err:
                span.set_status(Status(StatusCode.ERROR, f"no answer: {err.code().name}"))
                return False, trace_id
        return True, trace_id

    return one


def _encode(message: Message) -> bytes:
    return json.dumps(message).encode()

"""JSON over real gRPC without generated code: one method a server, one stub a caller."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

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


def _encode(message: Message) -> bytes:
    return json.dumps(message).encode()

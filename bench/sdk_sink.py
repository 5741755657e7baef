"""What the sides of `bench.sdk` send to: acknowledges everything, in a process of its own, and counts spans.

OTLP/gRPC for whoever speaks it; a Datadog agent's trace endpoint for ddtrace, which does not. Prints its two
ports, then serves until its stdin closes.
"""

from __future__ import annotations

import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_received = 0


class _Otlp(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        is_spans = handler_call_details.method.endswith("TraceService/Export")
        if handler_call_details.method == "/count":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: str(_received).encode())
        return grpc.unary_unary_rpc_method_handler(_take if is_spans else lambda request, context: b"")


def _take(body: bytes, _context: grpc.ServicerContext) -> bytes:
    global _received
    request = ExportTraceServiceRequest.FromString(body)
    _received += sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)
    return b""


class _Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Take a payload of traces."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        global _received
        _received += int(self.headers.get("X-Datadog-Trace-Count", 0))
        self._answer(b'{"rate_by_service":{}}')

    do_POST = do_PUT  # noqa: N815 - http.server's name

    def do_GET(self) -> None:
        """Say what this agent can."""
        self._answer(b'{"endpoints":["/v0.4/traces","/v0.5/traces"],"client_drop_p0s":false}')

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve."""
    server = grpc.server(futures.ThreadPoolExecutor(2), options=(("grpc.max_receive_message_length", -1),))
    server.add_generic_rpc_handlers((_Otlp(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    agent = ThreadingHTTPServer(("127.0.0.1", 0), _Agent)
    threading.Thread(target=agent.serve_forever, daemon=True).start()
    print(port, agent.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

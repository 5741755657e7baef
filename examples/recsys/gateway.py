"""The gateway.

`POST /recommend` over plain HTTP, which no instrumentation covers; so it makes its own span.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import grpc
from examples.harness.wire import Message
from opentelemetry.trace import Status, StatusCode, format_trace_id

import rootspan
from rootspan import semconv
from rootspan.context import server_timing


class Gateway(BaseHTTPRequestHandler):
    """Hands a request to the balancer. The trace begins here, or at the caller if it sent a `traceparent`."""

    recommend: ClassVar[Callable[..., Message]]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer `/recommend`."""
        started_ns = time.perf_counter_ns()
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        fixed = {"http.request.method": "POST", "http.route": "/recommend"}
        parent = rootspan.extract(dict(self.headers))
        with rootspan.span("POST /recommend", fixed, kind="server", context=parent) as span:
            try:
                status, answer = 200, type(self).recommend(body, timeout=4.0)
            except grpc.RpcError as err:
                status, answer = 503, {"error": err.code().name}
                span.set_status(Status(StatusCode.ERROR, "no answer"))
                span.set_attribute(semconv.ERROR_TYPE, "503")
            span.set_attribute(semconv.HTTP_STATUS, status)
            trace_id = format_trace_id(span.get_span_context().trace_id)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(payload)))
        self.send_header("x-trace-id", trace_id)
        took_ms = (time.perf_counter_ns() - started_ns) / 1e6
        self.send_header(server_timing.NAME, server_timing.render(took_ms))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the span tells it."""


def serve_http(recommend: Callable[..., Message]) -> tuple[ThreadingHTTPServer, int]:
    """Bind the gateway to a free port of loopback; the caller runs `serve_forever`."""
    handler = type("BoundGateway", (Gateway,), {"recommend": staticmethod(recommend)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    return server, int(server.server_address[1])

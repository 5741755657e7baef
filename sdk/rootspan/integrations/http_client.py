"""Traces requests and httpx by the official instrumentations; the peer's duration comes as Server-Timing.

Owns the hook that reads that header. A client span then knows its edge gap: what the call took beyond what
the server worked.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import Span

from rootspan import semconv
from rootspan.context import server_timing
from rootspan.context.retries import note_attempt
from rootspan.guard import harmless


def install_requests() -> None:
    """Trace every `requests` session."""
    from opentelemetry.instrumentation.requests import RequestsInstrumentor

    @harmless
    def note(span: Span, _request: object, response: Any) -> None:
        _note(span, getattr(response, "headers", {}).get(server_timing.NAME))

    @harmless
    def begin(span: Span, _request: object) -> None:
        note_attempt(span)

    RequestsInstrumentor().instrument(request_hook=begin, response_hook=note)


def install_httpx() -> None:
    """Trace every httpx client, sync and async."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    @harmless
    def note(span: Span, _request: object, response: Any) -> None:
        # A Headers object, or raw pairs of bytes where a transport was instrumented by hand.
        headers = getattr(response, "headers", None) or {}
        if not hasattr(headers, "get"):
            headers = {name.decode("latin-1").lower(): value for name, value in headers}
        _note(span, headers.get(server_timing.NAME))

    async def note_async(span: Span, request: object, response: Any) -> None:
        note(span, request, response)

    @harmless
    def begin(span: Span, _request: object) -> None:
        note_attempt(span)

    async def begin_async(span: Span, request: object) -> None:
        begin(span, request)

    HTTPXClientInstrumentor().instrument(
        request_hook=begin,
        async_request_hook=begin_async,
        response_hook=note,
        async_response_hook=note_async,
    )


def _note(span: Span, value: str | bytes | None) -> None:
    duration_ms = server_timing.parse(value)
    if duration_ms is not None:
        span.set_attribute(semconv.SERVER_DURATION_MS, duration_ms)

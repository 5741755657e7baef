"""Traces redis-py by the official instrumentation; names the server that a command went to.

Owns the hook that does. A Redis server sends no spans, so that only its callers' can say where a call went.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import Span

from rootspan import semconv
from rootspan.context.retries import note_attempt
from rootspan.guard import harmless

__all__ = ["install"]

PEER = "redis"


def install() -> None:
    """Trace every client of redis-py, sync and async: one client span a command, arguments left out."""
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    RedisInstrumentor().instrument(request_hook=_begin)


@harmless
def _begin(span: Span, client: Any, _args: object, _options: object) -> None:
    note_attempt(span)
    span.set_attribute(semconv.PEER_SERVICE, PEER)
    where = client.connection_pool.connection_kwargs
    # Under the names that are stable today, whichever the instrumentation was told to use.
    span.set_attribute(semconv.SERVER_ADDRESS, where.get("path") or where.get("host") or "localhost")
    if "path" not in where:
        span.set_attribute(semconv.SERVER_PORT, int(where.get("port") or 6379))

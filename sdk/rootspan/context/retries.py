"""Tells client spans which attempt of a call they are.

Owns the number on its way from the loop that retries to the span that an instrumentation makes. A retry that
tells itself is not taken for one more request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry.trace import Span

from rootspan import semconv

_KEY = otel_context.create_key("rootspan-attempt")


@contextmanager
def attempt(number: int) -> Iterator[None]:
    """Calls made inside this block are attempt `number`, 0 for the first.

    Client spans of gRPC, requests, httpx and redis-py carry it as `rootspan.retry.attempt`, where the
    instrumentation was switched on by `init(instrument=[...])`. Spans below the callee do not.
    """
    previous = otel_context.get_current()
    otel_context.attach(otel_context.set_value(_KEY, number))
    try:
        yield
    finally:
        otel_context.attach(previous)


def note_attempt(span: Span) -> None:
    """Put the number of here and now on a client span, if there is one."""
    number = otel_context.get_value(_KEY)
    if isinstance(number, int):
        span.set_attribute(semconv.RETRY_ATTEMPT, number)

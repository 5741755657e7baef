"""How a gRPC call is told on its span: name, status code, errors.

Owns the corrections to what OpenTelemetry's instrumentation writes. Which codes are errors follows the
semantic conventions for gRPC: for a client all but OK; for a server only those that are its own fault. A
refusal (RESOURCE_EXHAUSTED) is an error of the call, so its client span fails and the server's does not; both
tell the code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry.trace import Span, SpanKind

from rootspan import semconv
from rootspan.context import server_timing
from rootspan.guard import harmless
from rootspan.spans.outcome import mark_recorded, settle

Trailer = tuple[tuple[str, str | bytes], ...]
# gRPC's handlers are untyped: a request in, a response or an iterator of them out.
Behaviour = Callable[[Any, Any], Any]

SERVER_ERRORS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Codes with which a server span is an error, as OpenTelemetry's instrumentation has them, too."""


def is_client(span: Span) -> bool:
    """Whether the span is the one that OpenTelemetry made for a call of this process."""
    return span.is_recording() and getattr(span, "kind", None) is SpanKind.CLIENT


@harmless
def describe(span: Span) -> None:
    """Name and method as today's semantic convention has them: `Service/Method`, not `/Service/Method`."""
    name = getattr(span, "name", "")
    if name.startswith("/"):
        span.update_name(name[1:])
        span.set_attributes({semconv.RPC_SYSTEM: "grpc", semconv.RPC_METHOD: name[1:]})


def note_code(span: Span, code: Any) -> None:
    """Put the status code on the span, and as `error.type` where it is an error of this side."""
    # grpc.aio gives 0 and sync None for a code that was not set.
    if not isinstance(code, grpc.StatusCode):
        return
    span.set_attribute(semconv.RPC_STATUS_CODE, code.name)
    if code in SERVER_ERRORS or (code is not grpc.StatusCode.OK and is_client(span)):
        span.set_attribute(semconv.ERROR_TYPE, code.name)


@harmless
def fail(span: Span, err: Exception, context: Any) -> None:
    """Settle a server span that an exception leaves, by our rule instead of OpenTelemetry's.

    Its interceptor adds an event for what `abort()` raises, which is no exception of the program, and two for
    one that is; and it leaves the status as it was.
    """
    if isinstance(context.code(), grpc.StatusCode):
        mark_recorded(span, err)
    else:
        settle(span, err)
    _silence(span)


@harmless
def finish_call(span: Span, done: Any) -> None:
    """Settle a client span: the record of a failed call, whose event belongs to where the failure began."""
    if not done.cancelled():
        error = done.exception()
        if error is not None:
            mark_recorded(span, error)
            _silence(span)
    finish(span, done.code(), done.trailing_metadata())


@harmless
def finish(span: Span, code: Any, trailer: Trailer | None) -> None:
    """Put what came back with the last response on the client span: code, and the peer's own duration."""
    note_code(span, code)
    for key, value in trailer or ():
        if key == server_timing.NAME:
            duration_ms = server_timing.parse(value)
            if duration_ms is not None:
                span.set_attribute(semconv.SERVER_DURATION_MS, duration_ms)


def _silence(span: Span) -> None:
    """Have this one span take no further exception events."""
    if span.is_recording():
        # A span object's own attribute, for the rest of its short life.
        setattr(span, "record_exception", lambda *_args, **_kwargs: None)  # noqa: B010

"""How a piece of work ended, put on its span.

Owns the rule: an exception becomes one event, on the deepest span it leaves, which is where it came from;
every span it leaves gets status ERROR and `error.type`. A cancelled task and a generator that its consumer
closed early are no errors of the code: they get `rootspan.outcome` and no status.
"""

from __future__ import annotations

import sys

from opentelemetry.trace import Span, Status, StatusCode

from rootspan import semconv

_MARK = "__rootspan_trace_id__"


def settle(span: Span, error: BaseException | None) -> None:
    """Put the end of the work on its span; `error` is what left it, or None. Never raises."""
    if error is None or not span.is_recording():
        return
    if isinstance(error, KeyboardInterrupt) or _is_cancellation(error):
        span.set_attribute(semconv.OUTCOME, "cancelled")
        return
    if isinstance(error, GeneratorExit):
        span.set_attribute(semconv.OUTCOME, "closed_early")
        return
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return
    try:
        message = str(error)
    except Exception:
        message = "(its __str__ raised)"
    span.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {message}"))
    if _is_first(error, span.get_span_context().trace_id):
        try:
            span.record_exception(error)
        except Exception:
            span.add_event("exception", {"exception.type": type(error).__qualname__})


def _is_cancellation(error: BaseException) -> bool:
    # Importing asyncio costs a third of our import; where nobody has, nothing was cancelled.
    exceptions = sys.modules.get("asyncio.exceptions")
    return exceptions is not None and isinstance(error, exceptions.CancelledError)


def mark_recorded(span: Span, error: BaseException) -> None:
    """Have no span of this trace record the exception any more: it is told already. Never raises."""
    _is_first(error, span.get_span_context().trace_id)


def _is_first(error: BaseException, trace_id: int) -> bool:
    """Whether this trace has not recorded the exception yet; marks it as recorded.

    The mark holds the trace's id: an exception object that is kept and raised again is news to another trace.
    """
    if getattr(error, _MARK, None) == trace_id:
        return False
    try:
        setattr(error, _MARK, trace_id)
    except Exception:  # a class without __dict__: rather twice than never
        return True
    return True

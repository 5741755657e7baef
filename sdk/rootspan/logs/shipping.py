"""The way of a log record into the queue, whatever library made it.

Owns what keeps that way safe: it never blocks (a bounded queue lies behind), never raises into the program,
and never makes a record out of a record. Records of what carries telemetry are not shipped, nor is anything
that is logged while a record is being shipped or a batch exported.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping

from opentelemetry import context
from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber

from rootspan import semconv
from rootspan.logs.context import training_fields, without_context

AttributeValue = str | bool | int | float

OWN_LOGGERS = ("rootspan", "opentelemetry", "grpc")
"""Records of these and their children are never shipped: one made while shipping would make the next."""

_SEVERITIES = (
    (50, SeverityNumber.FATAL, "FATAL"),
    (40, SeverityNumber.ERROR, "ERROR"),
    (30, SeverityNumber.WARN, "WARN"),
    (20, SeverityNumber.INFO, "INFO"),
    (10, SeverityNumber.DEBUG, "DEBUG"),
)
_TRAINING = {"rank": semconv.TRAINING_RANK, "step": semconv.TRAINING_STEP}


class _Thread(threading.local):
    """What this thread is doing."""

    shipping = False
    in_handlers = False


this_thread = _Thread()
_provider: LoggerProvider | None = None


def is_own(logger_name: str) -> bool:
    """Whether a logger belongs to the way telemetry travels."""
    return logger_name.partition(".")[0] in OWN_LOGGERS


def set_provider(provider: LoggerProvider | None) -> None:
    """Where records of libraries go that have no handler of ours; None ships them no more."""
    global _provider
    _provider = provider


def provider() -> LoggerProvider | None:
    """Where such records go."""
    return _provider


def ship(target: LoggerProvider, logger_name: str, make: Callable[[], LogRecord]) -> None:
    """Queue a record, with the ids of the current span. Never blocks, never raises, never recurses.

    Args:
        target: Where it goes.
        logger_name: Who logged it.
        make: The record; not called where it would not be shipped.
    """
    if is_own(logger_name) or this_thread.shipping:
        return
    if context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY):
        return
    this_thread.shipping = True
    try:
        target.get_logger(logger_name).emit(make())
    except Exception:
        # A record whose arguments do not fit its format, an object whose repr raises: the program's own
        # handlers report it.
        pass
    finally:
        this_thread.shipping = False


def record(
    timestamp_ns: int,
    level: int,
    body: str,
    extras: Mapping[str, object],
    error: BaseException | None,
) -> LogRecord:
    """A record in OpenTelemetry's terms.

    Args:
        timestamp_ns: When it was made.
        level: Its level, on the scale of standard logging.
        body: Its message.
        extras: What the program added; None is left out, what is no scalar is told by its repr.
        error: The exception it tells of.
    """
    severity, text = _severity(level)
    attributes: dict[str, AttributeValue] = {
        key: value if isinstance(value, (str, bool, int, float)) else repr(value)
        for key, value in without_context(extras).items()
        if value is not None
    }
    for name, found in training_fields().items():
        attributes.setdefault(_TRAINING[name], found)
    if error is not None:
        attributes["exception.type"] = type(error).__qualname__
        attributes["exception.message"] = str(error)
        attributes["exception.stacktrace"] = "".join(traceback.format_exception(error))
    return LogRecord(
        timestamp=timestamp_ns,
        context=context.get_current(),
        severity_number=severity,
        severity_text=text,
        body=body,
        attributes=attributes,
    )


def _severity(level: int) -> tuple[SeverityNumber, str]:
    for lowest, number, text in _SEVERITIES:
        if level >= lowest:
            return number, text
    return SeverityNumber.TRACE, "TRACE"

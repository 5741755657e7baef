"""Ships standard logging records with the trace and span they were made in.

Owns the translation of a record and the place where records are picked up. Never blocks on the network (a
queue lies behind), never ships its own, gRPC's or OpenTelemetry's records, and never raises into the
program.

Records are picked up behind `Logger.callHandlers`, not by a handler on the root logger: a root handler would
turn `logging.basicConfig()` into a no-op, silence Python's last-resort output, and be lost at the next
`dictConfig()`.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable

from opentelemetry import context
from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber

AttributeValue = str | bool | int | float

OWN_LOGGERS = ("rootspan", "opentelemetry", "grpc")
"""Records of these and their children are never shipped: one made while shipping would make the next."""

_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL, "FATAL"),
    (logging.ERROR, SeverityNumber.ERROR, "ERROR"),
    (logging.WARNING, SeverityNumber.WARN, "WARN"),
    (logging.INFO, SeverityNumber.INFO, "INFO"),
    (logging.DEBUG, SeverityNumber.DEBUG, "DEBUG"),
)
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_shipping = threading.local()


class OtlpHandler(logging.Handler):
    """A logging handler that emits to an OpenTelemetry logger provider.

    `init()` needs none attached; this is for a logger provider of your own.
    """

    def __init__(self, provider: LoggerProvider, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._provider = provider

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """No lock: the queue behind is thread-safe, and threads that log should not wait for each other."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record, with the ids of the current span. Never raises."""
        if is_own(record.name) or getattr(_shipping, "active", False):
            return
        if context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY):
            return
        _shipping.active = True
        try:
            self._provider.get_logger(record.name).emit(translate(record))
        except Exception:
            # A record whose arguments do not fit its format: logging's own handlers report it.
            pass
        finally:
            _shipping.active = False


class LogBridge:
    """Has every record that a logger handles go to an `OtlpHandler`, too, whatever handlers are
    configured."""

    def __init__(self, provider: LoggerProvider) -> None:
        self._handler = OtlpHandler(provider)
        self._original: Callable[[logging.Logger, logging.LogRecord], None] | None = None
        self._active = False

    def install(self) -> None:
        """Begin to ship."""
        original = logging.Logger.callHandlers
        self._original, self._active = original, True

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            original(logger, record)
            if self._active:
                self._handler.handle(record)

        call_handlers.rootspan_bridge = self  # type: ignore[attr-defined]
        setattr(logging.Logger, "callHandlers", call_handlers)  # noqa: B010 - a method may not be assigned

    def remove(self) -> None:
        """Ship no more.

        Somebody else's wrapper around ours stays in place; ours is then a mere pass-through.
        """
        self._active = False
        current = logging.Logger.callHandlers
        if self._original is not None and getattr(current, "rootspan_bridge", None) is self:
            setattr(logging.Logger, "callHandlers", self._original)  # noqa: B010


def is_own(logger_name: str) -> bool:
    """Whether a logger belongs to the way telemetry travels."""
    return logger_name.partition(".")[0] in OWN_LOGGERS


def translate(record: logging.LogRecord) -> LogRecord:
    """A record in OpenTelemetry's terms: message, severity, place, exception, extras, current span."""
    severity, text = _severity(record.levelno)
    attributes: dict[str, AttributeValue] = {
        key: value if isinstance(value, (str, bool, int, float)) else repr(value)
        for key, value in vars(record).items()
        if key not in _STANDARD_FIELDS and value is not None
    }
    attributes["code.file.path"] = record.pathname
    attributes["code.line.number"] = record.lineno
    if record.funcName:
        attributes["code.function.name"] = record.funcName
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        attributes["exception.type"] = type(error).__qualname__
        attributes["exception.message"] = str(error)
        attributes["exception.stacktrace"] = "".join(traceback.format_exception(error))
    return LogRecord(
        timestamp=int(record.created * 1e9),
        context=context.get_current(),
        severity_number=severity,
        severity_text=text,
        body=record.getMessage(),
        attributes=attributes,
    )


def _severity(level: int) -> tuple[SeverityNumber, str]:
    for lowest, number, text in _SEVERITIES:
        if level >= lowest:
            return number, text
    return SeverityNumber.TRACE, "TRACE"

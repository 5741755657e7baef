"""Picks up records of standard logging.

Owns the translation of a record and the place where records are picked up: behind `Logger.callHandlers`, not
by a handler on the root logger. A root handler would turn `logging.basicConfig()` into a no-op, silence
Python's last-resort output, and be lost at the next `dictConfig()`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from opentelemetry._logs import LoggerProvider, LogRecord

from rootspan.logs import shipping

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_STRUCTLOG_FIELDS = frozenset({"_logger", "_name", "_from_structlog", "_record"})


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
        shipping.ship(self._provider, record.name, lambda: translate(record))


class LogBridge:
    """Has every record that a logger handles go to an `OtlpHandler`, too, whatever handlers are
    configured."""

    def __init__(self, provider: LoggerProvider) -> None:
        self._provider = provider
        self._handler = OtlpHandler(provider)
        self._original: Callable[[logging.Logger, logging.LogRecord], None] | None = None
        self._active = False

    def install(self) -> None:
        """Begin to ship, records of other libraries' integrations included."""
        original = logging.Logger.callHandlers
        self._original, self._active = original, True
        shipping.set_provider(self._provider)

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            # A handler that hands the record on to loguru or structlog must not have it shipped twice.
            thread = shipping.this_thread
            nested, thread.in_handlers = thread.in_handlers, True
            try:
                original(logger, record)
            finally:
                thread.in_handlers = nested
            if self._active:
                self._handler.handle(record)

        call_handlers.rootspan_bridge = self  # type: ignore[attr-defined]
        setattr(logging.Logger, "callHandlers", call_handlers)  # noqa: B010 - a method may not be assigned

    def remove(self) -> None:
        """Ship no more.

        Somebody else's wrapper around ours stays in place; ours is then a mere pass-through.
        """
        self._active = False
        if shipping.provider() is self._provider:
            shipping.set_provider(None)
        current = logging.Logger.callHandlers
        if self._original is not None and getattr(current, "rootspan_bridge", None) is self:
            setattr(logging.Logger, "callHandlers", self._original)  # noqa: B010


def translate(record: logging.LogRecord) -> LogRecord:
    """A record in OpenTelemetry's terms: message, severity, place, exception, extras, current span."""
    extras: dict[str, object] = {
        key: value
        for key, value in vars(record).items()
        if key not in _STANDARD_FIELDS and key not in _STRUCTLOG_FIELDS
    }
    body = ""
    if isinstance(record.msg, dict) and "event" in record.msg and not record.args:
        # structlog's ProcessorFormatter leaves the event as it is for the handlers' formatters.
        body = str(record.msg["event"])
        extras |= {
            key: value for key, value in record.msg.items() if key != "event" and key not in _STRUCTLOG_FIELDS
        }
    extras["code.file.path"] = record.pathname
    extras["code.line.number"] = record.lineno
    extras["code.function.name"] = record.funcName or None
    error = record.exc_info[1] if record.exc_info else None
    return shipping.record(
        int(record.created * 1e9), record.levelno, body or record.getMessage(), extras, error
    )

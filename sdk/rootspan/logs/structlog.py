"""Gives structlog's events trace, span, rank and step, and ships those that do not go to standard logging.

Owns one processor and its place in the chain: last before the renderer, when all fields are there.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from rootspan.logs import shipping
from rootspan.logs.context import context_fields

_LEVELS = {"debug": 10, "info": 20, "msg": 20, "warning": 30, "warn": 30, "error": 40, "exception": 40}
_LEVELS |= {"critical": 50, "fatal": 50}
_NOT_EXTRAS = ("event", "exc_info", "level", "timestamp", "logger")


def processor(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add where the event happened, and ship it. What goes to standard logging is shipped there."""
    for name, value in context_fields().items():
        event.setdefault(name, value)
    target = shipping.provider()
    if target is not None and not isinstance(logger, logging.Logger) and not shipping.this_thread.in_handlers:
        name = str(event.get("logger") or getattr(logger, "name", None) or "structlog")
        shipping.ship(target, name, lambda: _translate(method, event))
    return event


def install() -> None:
    """Have the processor in structlog's chain, now and whenever it is configured anew."""
    original: Callable[..., None] = structlog.configure

    @functools.wraps(original)
    def configure(processors: Any = None, *args: Any, **kwargs: Any) -> None:
        original(None if processors is None else _with_ours(processors), *args, **kwargs)

    configured = structlog.is_configured()
    structlog.configure = configure
    processors = _with_ours(structlog.get_config()["processors"])
    if configured:
        original(**{**structlog.get_config(), "processors": processors})
    else:
        original(processors=processors)


def _with_ours(processors: Any) -> list[Any]:
    chain = list(processors)
    return chain if processor in chain else [*chain[:-1], processor, *chain[-1:]]


def _translate(method: str, event: Mapping[str, Any]) -> Any:
    level = _LEVELS.get(str(event.get("level", method)).lower(), 20)
    extras = {key: value for key, value in event.items() if key not in _NOT_EXTRAS}
    raised = event.get("exc_info")
    error = raised if isinstance(raised, BaseException) else None
    if isinstance(raised, tuple) and len(raised) == 3 and isinstance(raised[1], BaseException):
        error = raised[1]
    elif raised is True:
        error = sys.exc_info()[1]
    return shipping.record(time.time_ns(), level, str(event.get("event", "")), extras, error)

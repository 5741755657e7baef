"""Connects `multiprocessing` children to the span that was current when they were started.

Owns what travels inside a pickled `Process`: the parent's context, and the arguments of its `init()`. A
forked child has both in its memory already; one that is spawned, or comes from a fork server, has them from
its first moment on, with nothing to call. It sends under its own process id and instance id.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from typing import Any

from opentelemetry import context as otel_context

from rootspan import lifecycle
from rootspan.context.propagation import extract, inject
from rootspan.guard import harmless

_ATTRIBUTE = "_rootspan_arrival"


class _Arrival:
    """Unpickles by taking up the parent's context and settings."""

    def __init__(self, headers: Mapping[str, str], settings: Mapping[str, object]) -> None:
        self._headers, self._settings = dict(headers), dict(settings)

    def __reduce__(self) -> tuple[object, ...]:
        return _arrive, (self._headers, self._settings)


def _arrive(headers: dict[str, str], settings: dict[str, Any]) -> None:
    _take_up(headers, settings)


@harmless
def _take_up(headers: dict[str, str], settings: dict[str, Any]) -> None:
    lifecycle.inherit(settings)
    otel_context.attach(extract(headers))


def install() -> None:
    """Have every process started from now on arrive connected."""
    original = BaseProcess.start

    @functools.wraps(original)
    def start(self: BaseProcess) -> None:
        _pack(self)
        try:
            original(self)
        finally:
            vars(self).pop(_ATTRIBUTE, None)

    setattr(BaseProcess, "start", start)  # noqa: B010 - a method may not be assigned


@harmless
def _pack(process: BaseProcess) -> None:
    settings = lifecycle.settings()
    if settings is not None:
        setattr(process, _ATTRIBUTE, _Arrival(inject(), settings))

"""Switches on OpenTelemetry's official instrumentations, and ours beside them.

Owns the list of names `init(instrument=[...])` knows, and which extra brings each. A name that is unknown
or not installed raises at once; an instrumentation that fails to start is told and left out.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import Span

from rootspan import semconv, server_timing
from rootspan.errors import ConfigurationError, MissingExtraError
from rootspan.guard import harmless

_logger = logging.getLogger("rootspan")


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """One library that can be traced: the module it needs, the extra that brings it, how to switch it on."""

    module: str
    extra: str
    switch_on: Callable[[], None]


def check(names: Sequence[str]) -> None:
    """Refuse what cannot be switched on.

    Raises:
        ConfigurationError: A name is not known, or a string was given where a list belongs.
        MissingExtraError: The package behind a name is not installed.
    """
    if isinstance(names, str):
        raise ConfigurationError(f"instrument is {names!r}: give a list, instrument=[{names!r}]")
    for name in names:
        if name not in KNOWN:
            raise ConfigurationError(f"instrument names {name!r}: use any of {', '.join(map(repr, KNOWN))}")
        known = KNOWN[name]
        if not _installed(known.module):
            raise MissingExtraError(
                f"instrument names {name!r}, but {known.module} is not installed: "
                f"pip install 'rootspan[{known.extra}]'",
                extra=known.extra,
            )


def switch_on(names: Sequence[str]) -> None:
    """Switch each on, once; what fails is told and left out."""
    for name in dict.fromkeys(names):
        if name in _switched_on:
            continue
        try:
            KNOWN[name].switch_on()
            _switched_on.add(name)
        except Exception as err:
            _logger.warning("rootspan could not instrument %s: %s: %s", name, type(err).__name__, err)


_switched_on: set[str] = set()


def _grpc() -> None:
    from opentelemetry.instrumentation import grpc as official

    from rootspan import grpc as ours

    ours.install()
    for instrumentor in (
        official.GrpcInstrumentorClient,
        official.GrpcInstrumentorServer,
        official.GrpcAioInstrumentorClient,
        official.GrpcAioInstrumentorServer,
    ):
        instrumentor().instrument()


def _requests() -> None:
    from opentelemetry.instrumentation.requests import RequestsInstrumentor

    @harmless
    def note(span: Span, _request: object, response: Any) -> None:
        _note_http(span, getattr(response, "headers", {}).get(server_timing.NAME))

    RequestsInstrumentor().instrument(response_hook=note)


def _httpx() -> None:
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    @harmless
    def note(span: Span, _request: object, response: Any) -> None:
        # A Headers object, or raw pairs of bytes where a transport was instrumented by hand.
        headers = getattr(response, "headers", None) or {}
        if not hasattr(headers, "get"):
            headers = {name.decode("latin-1").lower(): value for name, value in headers}
        _note_http(span, headers.get(server_timing.NAME))

    async def note_async(span: Span, request: object, response: Any) -> None:
        note(span, request, response)

    HTTPXClientInstrumentor().instrument(response_hook=note, async_response_hook=note_async)


def _note_http(span: Span, value: str | bytes | None) -> None:
    duration_ms = server_timing.parse(value)
    if duration_ms is not None:
        span.set_attribute(semconv.SERVER_DURATION_MS, duration_ms)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


KNOWN: Mapping[str, Instrumentation] = {
    "grpc": Instrumentation("opentelemetry.instrumentation.grpc", "grpc", _grpc),
    "requests": Instrumentation("opentelemetry.instrumentation.requests", "http", _requests),
    "httpx": Instrumentation("opentelemetry.instrumentation.httpx", "http", _httpx),
}
"""Libraries by the name `init()` takes."""

"""Traces ASGI and WSGI applications by the official middlewares, and tells callers their duration.

Owns the `Server-Timing` header of a response: the time from the request to the response's first byte, which
is all that a header can know.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from rootspan.context import server_timing
from rootspan.errors import MissingExtraError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def asgi(app: AsgiApp, **options: Any) -> AsgiApp:
    """An ASGI application (Starlette, FastAPI, …) with a span for each request.

    Args:
        app: The application.
        **options: For OpenTelemetry's `OpenTelemetryMiddleware`, e.g. `excluded_urls="health"`.

    Raises:
        MissingExtraError: The extra `http` is not installed.
    """
    try:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    except ImportError as err:
        raise _missing("asgi") from err

    async def timed(scope: Message, receive: Receive, send: Send) -> None:
        started_ns = time.perf_counter_ns()

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (server_timing.NAME.encode(), _since(started_ns).encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await app(scope, receive, telling if scope["type"] == "http" else send)

    # A span for every chunk received and sent says little and costs as much as the request's.
    traced: AsgiApp = OpenTelemetryMiddleware(timed, **{"exclude_spans": ["receive", "send"], **options})
    return traced


def wsgi(app: WsgiApp, **options: Any) -> WsgiApp:
    """A WSGI application (Flask, Django, …) with a span for each request.

    Args:
        app: The application.
        **options: For OpenTelemetry's `OpenTelemetryMiddleware`.

    Raises:
        MissingExtraError: The extra `http` is not installed.
    """
    try:
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
    except ImportError as err:
        raise _missing("wsgi") from err

    def timed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started_ns = time.perf_counter_ns()

        def telling(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, (server_timing.NAME, _since(started_ns))], *error)

        return app(environ, telling)

    traced: WsgiApp = OpenTelemetryMiddleware(timed, **options)
    return traced


def _since(started_ns: int) -> str:
    return server_timing.render((time.perf_counter_ns() - started_ns) / 1e6)


def _missing(kind: str) -> MissingExtraError:
    return MissingExtraError(
        f"opentelemetry.instrumentation.{kind} is not installed: pip install 'rootspan[http]'", extra="http"
    )

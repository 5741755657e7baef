"""uvicorn on a thread of its own: listens, starts, stops. Knows no telemetry."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.http.protocol import GuardedProtocol

__all__ = ["HttpServer"]

_LOG = logging.getLogger(__name__)
_BACKLOG = 2048
_MOST_CONNECTIONS = 8192
_KEEP_ALIVE_S = 75


class HttpServer:
    """Serves an ASGI application.

    Raises:
        ConfigurationError: It cannot listen there.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        app: Callable[..., Any],
        *,
        tls: ssl.SSLContext | None,
        reuse_port: bool,
    ) -> None:
        self._listener = _listen(listen, reuse_port)
        self.host, self.port = listen[0], int(self._listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            limit_concurrency=_MOST_CONNECTIONS,
            backlog=_BACKLOG,
        )
        config.load()
        config.ssl = tls
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Accept requests; return at once."""
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Take no new requests, let those in flight finish, at most `grace_s`. Safe before `start`."""
        if self._thread.is_alive():
            self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
            self._server.should_exit = True
            self._thread.join(grace_s + 5)
        self._listener.close()

    def _run(self) -> None:
        try:
            # `serve` would take over the process's signals.
            asyncio.run(self._server._serve([self._listener]))
        except Exception:
            _LOG.exception("OTLP/HTTP ended unexpectedly")


def _listen(address: tuple[str, int], reuse_port: bool) -> socket.socket:
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol makes asyncio set TCP_NODELAY; without it every small answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as err:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {err.strerror}; stop what listens there, or set "
            "ROOTSPAN_COLLECTOR_HTTP"
        ) from err
    return listener

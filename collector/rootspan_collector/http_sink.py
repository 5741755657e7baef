"""Sends segments to ClickHouse's HTTP interface as they lie in the log; parses and retries nothing.

http.client instead of clickhouse-connect: the kernel sends a segment from its file (sendfile; over TLS it is
read and encrypted), nothing is copied here, and the answer of an INSERT is a status line.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from urllib.parse import urlencode

from rootspan_collector.wal.segment import Frames
from rootspan_store.client import StoreUrl
from rootspan_store.errors import StoreRejected, StoreUnreachable
from rootspan_store.ingest import Signal, insert_settings, insert_statement

__all__ = ["HttpSink"]

_CONNECT_TIMEOUT_S = 5.0
_MAX_ERROR_CHARS = 2000


class HttpSink:
    """ClickHouse over one kept-alive HTTP(S) connection."""

    def __init__(self, url: StoreUrl, *, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._is_aborted = False
        credentials = base64.b64encode(f"{url.user}:{url.password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {credentials}", "User-Agent": "rootspan-collector"}

    def insert(self, signal: Signal, token: str, frames: Frames) -> None:
        """See `rootspan_collector.sink.Sink.insert`."""
        parameters = {"query": insert_statement(signal), **insert_settings(signal, token)}

        def send(sock: socket.socket) -> None:
            for start, end in frames.stretches:
                if sock.sendfile(frames.file, start, end - start) < end - start:
                    raise OSError(f"{frames.file.name} is shorter than it was")

        self._post(parameters, send, frames.size_bytes)

    def insert_counters(self, json_lines: bytes) -> None:
        """Insert rows of `rootspan_collectors`. Raises StoreUnreachable or StoreRejected."""
        self._post({"query": _counters_query()}, lambda sock: sock.sendall(json_lines), len(json_lines))

    def _post(
        self, parameters: Mapping[str, str], send: Callable[[socket.socket], None], size_bytes: int
    ) -> None:
        path = "/?" + urlencode({"database": self._url.database, **parameters})
        was_kept = self._connection is not None
        try:
            try:
                response = self._exchange(path, send, size_bytes)
            except (http.client.RemoteDisconnected, ConnectionError):
                # A kept connection that the server closed meanwhile: once more on a new one.
                if not was_kept or self._is_aborted:
                    raise
                self._drop()
                response = self._exchange(path, send, size_bytes)
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as err:
            self._drop()
            raise StoreUnreachable(
                f"store {self._url.host}:{self._url.port} cannot be reached: {err!r}"
            ) from err
        raw_code = response.headers.get("X-ClickHouse-Exception-Code")
        if response.status >= 400 or raw_code:
            code = int(raw_code) if raw_code and raw_code.isdigit() else None
            if code is None and response.status in {429, 502, 503, 504}:
                raise StoreUnreachable(f"store {self._url.host}:{self._url.port} answered {response.status}")
            raise StoreRejected(
                text.strip()[:_MAX_ERROR_CHARS] or f"HTTP status {response.status}", code=code
            )

    def _exchange(
        self, path: str, send: Callable[[socket.socket], None], size_bytes: int
    ) -> http.client.HTTPResponse:
        connection = self._connection or self._connect()
        connection.putrequest("POST", path)
        for name, value in self._headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(size_bytes))
        connection.endheaders()
        send(connection.sock)
        return connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        if self._is_aborted:
            raise ConnectionAbortedError("the collector is stopping")
        connection: http.client.HTTPConnection
        if self._url.secure:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                self._url.host, self._url.port, timeout=_CONNECT_TIMEOUT_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(
                self._url.host, self._url.port, timeout=_CONNECT_TIMEOUT_S
            )
        connection.connect()
        connection.sock.settimeout(self._timeout_s)
        self._connection = connection
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abort(self) -> None:
        """See `rootspan_collector.sink.Sink.abort`."""
        self._is_aborted = True
        self.interrupt()

    def interrupt(self) -> None:
        """Make what runs in another thread raise StoreUnreachable; later calls work again."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


@cache
def _counters_query() -> str:
    file = resources.files("rootspan_collector").joinpath("sql/insert_counters.sql")
    return file.read_text("utf-8").strip()

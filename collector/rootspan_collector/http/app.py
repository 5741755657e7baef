"""The ASGI application: `/v1/traces`, `/v1/logs`, `/v1/metrics`, `/metrics` and `/healthz`.

Without a framework: five fixed paths, on the way of every request. Requests run in worker threads, since each
waits for an fsync; the event loop only moves bytes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable, Mapping, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from rootspan_collector.admission import admission_of, rich_status
from rootspan_collector.errors import CollectorError, Unauthenticated, UnsupportedRequest
from rootspan_collector.http.body import BodyCut, IncomingBody, Receive, expanded
from rootspan_collector.otlp.json import to_protobuf
from rootspan_collector.receiver import Receives
from rootspan_collector.senders.caller import ANONYMOUS, Caller
from rootspan_collector.senders.tenants import Tenants
from rootspan_store.ingest import Signal

__all__ = ["HttpApp", "HttpLimits", "Pages"]

_LOG = logging.getLogger(__name__)
_Scope = MutableMapping[str, Any]
_Send = Callable[[MutableMapping[str, Any]], Any]
_SIGNALS = {f"/v1/{signal.value}": signal for signal in Signal}
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
# How much of a refused body is read all the same, in messages: its sender wants to read the answer.
_DROPPED_RATIO = 4
_DROPPED_WITHIN_S = 5.0
# What an Export…ServiceResponse without partial success looks like.
_ACCEPTED = {_PROTOBUF: b"", _JSON: b"{}"}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Of one request: its bytes before and after decompression, and the time for its body."""

    message_bytes: int
    body_s: float


@dataclass(frozen=True, slots=True)
class Pages:
    """What is answered to those who ask about the collector itself."""

    metrics: Callable[[], bytes]
    is_healthy: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class _Request:
    signal: Signal
    content_type: str
    encoding: str
    body: bytes
    caller: Caller


class HttpApp:
    """An ASGI application of the collector."""

    def __init__(
        self,
        receivers: Mapping[Signal, Receives],
        tenants: Tenants,
        pages: Pages,
        workers: Executor,
        limits: HttpLimits,
    ) -> None:
        self._receivers = receivers
        self._tenants = tenants
        self._pages = pages
        self._workers = workers
        self._limits = limits

    async def __call__(self, scope: _Scope, receive: Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except BodyCut:
            answer = _Answer(408, "text/plain", b"the request did not arrive in time\n", _CLOSE)
        except Exception:
            _LOG.exception("%s %s: unexpected error", scope["method"], scope["path"])
            answer = _Answer(500, "text/plain", b"unexpected error; see the collector's log\n", _CLOSE)
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: _Scope, receive: Receive) -> _Answer:
        path, method = scope["path"], scope["method"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        signal = _SIGNALS.get(path)
        if signal is not None:
            if method != "POST":
                return _Answer(405, "text/plain", b"POST, please\n", ((b"allow", b"POST"),))
            return await self._export(signal, headers, scope, receive)
        if path in ("/metrics", "/healthz") and method in ("GET", "HEAD"):
            return self._page(path, headers)
        return _Answer(404, "text/plain", b"OTLP/HTTP is at /v1/traces, /v1/logs and /v1/metrics\n")

    def _page(self, path: str, headers: Mapping[str, str]) -> _Answer:
        if path == "/healthz":
            is_healthy = self._pages.is_healthy()
            return _Answer(200 if is_healthy else 503, "text/plain", b"ok\n" if is_healthy else b"not ok\n")
        try:
            self._tenants.identify(headers.get("authorization"))
        except Unauthenticated as err:
            return _Answer(401, "text/plain", f"{err}\n".encode(), _CHALLENGE)
        return _Answer(200, _PROMETHEUS, self._pages.metrics())

    async def _export(
        self, signal: Signal, headers: Mapping[str, str], scope: _Scope, receive: Receive
    ) -> _Answer:
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        client = scope.get("client") or ("unknown", 0)
        caller = Caller(ANONYMOUS, lambda: f"{client[0]}:{client[1]}")
        receiver, incoming = self._receivers[signal], IncomingBody(receive)
        try:
            if content_type not in _ACCEPTED:
                raise UnsupportedRequest(f"content-type {content_type[:60]!r} is not {_PROTOBUF} or {_JSON}")
            # Before the body is read: what nobody known sends is not worth a byte.
            caller = Caller(self._tenants.identify(headers.get("authorization")), caller.peer)
            body = await incoming.read(
                most_bytes=self._limits.message_bytes,
                within_s=self._limits.body_s,
                declared=headers.get("content-length"),
            )
            encoding = headers.get("content-encoding", "")
        except CollectorError as err:
            receiver.refuse(err, caller)
            most_bytes = _DROPPED_RATIO * self._limits.message_bytes
            is_over = await incoming.drop(most_bytes=most_bytes, within_s=_DROPPED_WITHIN_S)
            return _refused(err, content_type, () if is_over else _CLOSE)
        loop = asyncio.get_running_loop()
        request = _Request(signal, content_type, encoding, body, caller)
        return await loop.run_in_executor(self._workers, self._take, request)

    def _take(self, request: _Request) -> _Answer:
        receiver, most_bytes = self._receivers[request.signal], self._limits.message_bytes
        try:
            try:
                data = request.body
                if request.encoding:
                    data = expanded(data, request.encoding, most_bytes=most_bytes)
                if request.content_type == _JSON:
                    data = to_protobuf(request.signal, data)
            except CollectorError as err:
                receiver.refuse(err, request.caller)
                raise
            receiver.receive(data, request.caller)
        except CollectorError as err:
            return _refused(err, request.content_type)
        return _Answer(200, request.content_type, _ACCEPTED[request.content_type])


_CLOSE = ((b"connection", b"close"),)
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="rootspan"'),)


def _refused(
    error: CollectorError, content_type: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> _Answer:
    """A google.rpc.Status in the request's own encoding, as OTLP wants it."""
    told = admission_of(error)
    if told.retry_s is not None:
        headers += ((b"retry-after", b"%d" % max(1, math.ceil(told.retry_s))),)
    if told.http_status == 401:
        headers += _CHALLENGE
    rich = rich_status(error)
    if content_type == _JSON:
        text = json.dumps(json_format.MessageToDict(rich)).encode()
        return _Answer(told.http_status, _JSON, text, headers)
    return _Answer(told.http_status, _PROTOBUF, rich.SerializeToString(), headers)

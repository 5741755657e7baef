"""The ASGI application: carries bytes between uvicorn and `QueryService`. No SQL, no decisions.

Requests run in worker threads, since chDB releases the interpreter's lock; the event loop only moves bytes
and notices clients that leave.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from rootspan_store.embedded.answer import Answer
from rootspan_store.embedded.body import Body, ClientGone
from rootspan_store.embedded.service import Call, QueryService

__all__ = ["Threads", "build_app"]

log = logging.getLogger("rootspan.store")

# What a worker thread takes from the event loop at a time; the next batch arrives while it works on this one.
_BATCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads that requests run in.

    Attributes:
        queries: Run whole requests; may all be waiting for a handle.
        streams: Continue answers that hold a handle, so they must never wait behind `queries`.
        patience_s: Longest silence of a client that sends or is being sent to.
    """

    queries: ThreadPoolExecutor
    streams: ThreadPoolExecutor
    patience_s: float


class _LoopSource:
    """Lets a worker thread read a request's body, one batch ahead."""

    def __init__(self, receive: Receive, on_end: Callable[[], None], *, patience_s: float) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._patience_s = patience_s
        self._on_end = on_end
        self._ended = False
        self._next: Future[bytes] | None = None

    async def _gather(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < _BATCH_BYTES and not self._ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if not message.get("more_body", False):
                self._ended = True
                self._on_end()
        return b"".join(parts)

    def _schedule(self) -> Future[bytes]:
        return asyncio.run_coroutine_threadsafe(self._gather(), self._loop)

    def read(self) -> bytes:
        """Block for the next bytes; empty at the end.

        Raises:
            ClientGone: The client left, or sent too little for too long.
        """
        try:
            future = self._next or self._schedule()
            self._next = None
            data = future.result(self._patience_s)
        except TimeoutError:
            future.cancel()
            raise ClientGone from None
        except (CancelledError, RuntimeError) as error:
            # The event loop ended: the store stops.
            raise ClientGone from error
        if data and not self._ended:
            self._next = self._schedule()
        return data


class _QueryEndpoint:
    """POST and GET on `/`: a query."""

    def __init__(self, service: QueryService, threads: Threads) -> None:
        self._service = service
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if not scope["query_string"] and request.method != "POST":
            await PlainTextResponse("Ok.\n")(scope, receive, send)
            return
        body_ended = asyncio.Event()
        cancels: list[Callable[[], None]] = []
        source = _LoopSource(receive, body_ended.set, patience_s=self._threads.patience_s)
        call = Call(
            method="GET" if request.method == "HEAD" else request.method,
            items=tuple(request.query_params.multi_items()),
            headers=dict(request.headers.items()),
            body=Body(source, request.headers.get("content-encoding", "")),
            on_start=cancels.append,
        )
        loop = asyncio.get_running_loop()
        watch = asyncio.create_task(self._cancel_when_gone(receive, body_ended, cancels))
        try:
            answer = await loop.run_in_executor(self._threads.queries, self._service.answer, call)
        except ClientGone:
            return
        finally:
            watch.cancel()
        if request.method == "HEAD":
            send = _without_body(send)
        await self._send(answer, send)

    async def _cancel_when_gone(
        self, receive: Receive, body_ended: asyncio.Event, cancels: list[Callable[[], None]]
    ) -> None:
        await body_ended.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        log.info("client left, its query is cancelled")
        for cancel in cancels:
            await asyncio.get_running_loop().run_in_executor(self._threads.streams, cancel)

    async def _send(self, answer: Answer, send: Send) -> None:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if answer.rest is None:
            headers.append((b"content-length", str(len(answer.body)).encode()))
            await send(start)
            await send({"type": "http.response.body", "body": answer.body})
            return
        loop = asyncio.get_running_loop()
        try:
            await send(start)
            while (
                piece := await loop.run_in_executor(self._threads.streams, next, answer.rest, None)
            ) is not None:
                part = {"type": "http.response.body", "body": bytes(piece), "more_body": True}
                await asyncio.wait_for(send(part), self._threads.patience_s)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.info("client took nothing for %g s, its query is cancelled", self._threads.patience_s)
            raise
        finally:
            await asyncio.shield(loop.run_in_executor(self._threads.streams, answer.close))


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head


async def _ping(request: Request) -> Response:
    return PlainTextResponse("Ok.\n")


def build_app(service: QueryService, threads: Threads) -> Starlette:
    """Return the application.

    Args:
        service: Runs the requests.
        threads: Where it runs them.
    """
    endpoint = _QueryEndpoint(service, threads)
    return Starlette(
        routes=[
            Route("/ping", _ping, methods=["GET", "HEAD"]),
            Route("/replicas_status", _ping, methods=["GET", "HEAD"]),
            Route("/", endpoint, methods=["GET", "POST", "HEAD"]),
        ]
    )

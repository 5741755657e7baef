"""The ASGI application: carries bytes between uvicorn and `QueryService`. No SQL, no decisions.

Requests run in worker threads, since chDB releases the interpreter's lock; the event loop only moves bytes and
notices clients that leave.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rootspan_store.embedded.answer import Answer
from rootspan_store.embedded.body import Body, ClientGone
from rootspan_store.embedded.service import Call, QueryService

__all__ = ["build_app"]

log = logging.getLogger("rootspan.store")

# What a worker thread takes from the event loop at a time; the next batch arrives while it works on this one.
_BATCH_BYTES = 1024 * 1024


class _LoopSource:
    """Lets a worker thread read a request's body, one batch ahead."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> None:
        self._receive = receive
        self._loop = loop
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
        """Block for the next bytes; empty at the end."""
        future = self._next or self._schedule()
        self._next = None
        data = future.result()
        if data and not self._ended:
            self._next = self._schedule()
        return data


class _QueryEndpoint:
    """POST and GET on `/`: a query."""

    def __init__(self, service: QueryService, workers: ThreadPoolExecutor, kill: Callable[[str], None]) -> None:
        self._service = service
        self._workers = workers
        self._kill = kill

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if not scope["query_string"] and request.method == "GET":
            await PlainTextResponse("Ok.\n")(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        body_ended = asyncio.Event()
        running: list[str] = []
        source = _LoopSource(receive, loop, body_ended.set)
        call = Call(
            method="GET" if request.method == "HEAD" else request.method,
            items=tuple(request.query_params.multi_items()),
            headers={name: value for name, value in request.headers.items()},
            body=Body(source, request.headers.get("content-encoding", "")),
            on_handle=running.append,
        )
        work = loop.run_in_executor(self._workers, self._service.answer, call)
        watch = asyncio.create_task(self._kill_when_gone(receive, body_ended, running))
        try:
            answer = await work
        except ClientGone:
            return
        finally:
            watch.cancel()
        await self._send(answer, send, head_only=request.method == "HEAD")

    async def _kill_when_gone(self, receive: Receive, body_ended: asyncio.Event, running: list[str]) -> None:
        await body_ended.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        if running:
            log.info("client left, query on %s is cancelled", running[-1])
            await asyncio.get_running_loop().run_in_executor(None, self._kill, running[-1])

    async def _send(self, answer: Answer, send: Send, *, head_only: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
            if answer.rest is None:
                headers.append((b"content-length", str(len(answer.body)).encode()))
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            if answer.rest is None or head_only:
                await send({"type": "http.response.body", "body": b"" if head_only else bytes(answer.body)})
                return
            rest = answer.rest
            while (piece := await loop.run_in_executor(self._workers, next, rest, None)) is not None:
                await send({"type": "http.response.body", "body": bytes(piece), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await asyncio.shield(loop.run_in_executor(self._workers, answer.close))


async def _ping(request: Request) -> Response:
    return PlainTextResponse("Ok.\n")


def build_app(service: QueryService, workers: ThreadPoolExecutor, kill: Callable[[str], None]) -> Starlette:
    """Return the application.

    Args:
        service: Runs the requests.
        workers: Threads to run them in.
        kill: Cancels what runs on the handle of a name.
    """
    endpoint = _QueryEndpoint(service, workers, kill)
    return Starlette(
        routes=[
            Route("/ping", _ping, methods=["GET", "HEAD"]),
            Route("/replicas_status", _ping, methods=["GET", "HEAD"]),
            Route("/", endpoint, methods=["GET", "POST", "HEAD"]),
        ]
    )

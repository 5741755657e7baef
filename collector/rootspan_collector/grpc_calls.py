"""Answers calls without a thread for each.

A synchronous grpcio server gives each call a thread of a pool, which waits for the message, works, and
waits for the log: three hand-overs of the interpreter for a request of a few microseconds. A handler that
can answer later (`AnswersLater`) takes none: the server's own thread hands it the message, and whoever
made the request durable answers (docs/adr/0011).

grpcio has no public door to this. The pool that it is given is one, and what is used behind it is the
arguments of its `submit` and a few names of `grpc._server`. Where they are not as they were in 1.66 to
1.85, calls are served by threads, as ever: slower, and no different.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, runtime_checkable

import grpc

__all__ = ["AnswersLater", "CallPool"]

_LOG = logging.getLogger(__name__)
_NAMES = (
    "_Context",
    "_RECEIVE_MESSAGE_TOKEN",
    "_CLOSED",
    "_abort",
    "_is_rpc_state_active",
    "_receive_message",
    "_status",
    "_unary_response_in_pool",
)


@runtime_checkable
class AnswersLater(Protocol):
    """A unary handler that need not be waited for; bytes in, bytes out."""

    def __call__(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer, or abort the context."""

    def later(
        self, body: bytes, context: grpc.ServicerContext, answer: Callable[[bytes | grpc.Status], None]
    ) -> None:
        """Call `answer` once, from any thread, with the response or with the status to end with."""


def _internals() -> Any:
    """grpcio's own server, if it is as it is known here, else None."""
    with contextlib.suppress(ImportError, AttributeError):
        server = importlib.import_module("grpc._server")
        for name in _NAMES:
            getattr(server, name)
        server.cygrpc.ReceiveMessageOperation(0)
        return server
    return None


class CallPool(ThreadPoolExecutor):
    """The thread pool of a `grpc.server`.

    Args:
        threads: For handlers that are waited for.
        at_once: Calls whose message is asked for or that are not answered yet; others wait, unread.
    """

    def __init__(self, threads: int, *, at_once: int) -> None:
        super().__init__(threads, thread_name_prefix="grpc")
        self._grpc = _internals()
        if self._grpc is None:
            _LOG.warning("grpcio %s is not known: each call takes a thread", grpc.__version__)
        self._gate = threading.Lock()
        self._free = at_once
        self._waiting: deque[_Call] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor.submit`."""
        # grpcio's call: (context.run, _unary_response_in_pool, event, state, handler, ...).
        is_known = self._grpc is not None and len(args) == 7 and not kwargs
        if not is_known or args[0] is not self._grpc._unary_response_in_pool:
            return super().submit(fn, *args, **kwargs)
        _, event, state, handler, _, deserialize, serialize = args
        if deserialize is not None or serialize is not None or not isinstance(handler, AnswersLater):
            return super().submit(fn, *args, **kwargs)
        call = _Call(self._grpc, event, state, handler, self._release)
        self._admit(call)
        return call  # type: ignore[return-value]  # as much of a future as grpcio uses

    def _admit(self, call: _Call) -> None:
        with self._gate:
            if not self._free:
                self._waiting.append(call)
                return
            self._free -= 1
        if not call.begin():
            self._release()

    def _release(self) -> None:
        while True:
            with self._gate:
                if not self._waiting:
                    self._free += 1
                    return
                call = self._waiting.popleft()
            if call.begin():
                return


class _Call:
    """One call, from its place to its answer; grpcio's `state` of it is kept as grpcio's own code does."""

    __slots__ = ("_done", "_event", "_grpc", "_handler", "_is_answered", "_release", "_state", "_take")

    def __init__(
        self, server: Any, event: Any, state: Any, handler: AnswersLater, release: Callable[[], None]
    ) -> None:
        self._grpc = server
        self._event = event
        self._state = state
        self._handler = handler
        self._release = release
        self._take = server._receive_message(state, event.call, None)
        self._is_answered = False
        self._done: Callable[[Any], None] | None = None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """See `concurrent.futures.Future`; at most one, before the server's thread goes on."""
        self._done = callback

    def begin(self) -> bool:
        """Ask for the message. False: the client is gone, and the place is free."""
        state = self._state
        with state.condition:
            if self._grpc._is_rpc_state_active(state):
                operation = self._grpc.cygrpc.ReceiveMessageOperation(0)
                self._event.call.start_server_batch((operation,), self._received)
                state.due.add(self._grpc._RECEIVE_MESSAGE_TOKEN)
                return True
        self._tell_done()
        return False

    def _received(self, event: Any) -> Any:
        """In the server's thread, which must not die of anything."""
        outcome = self._take(event)
        state = self._state
        body, state.request = state.request, None
        try:
            if body is None:
                self._refuse_nothing()
            else:
                context = self._grpc._Context(self._event, state, None)
                self._handler.later(body, context, self._answer)
        except Exception as err:
            _LOG.exception("a call cannot be handled")
            self._answer(_Internal(err))
        return outcome

    def _refuse_nothing(self) -> None:
        """The client is gone, or has sent nothing."""
        with self._state.condition:
            if self._state.client is self._grpc._CLOSED:
                code = self._grpc.cygrpc.StatusCode.unimplemented
                self._grpc._abort(self._state, self._event.call, code, b"exactly one message is required")
        self._end()

    def _answer(self, answer: bytes | grpc.Status) -> None:
        state = self._state
        with state.condition:
            if self._is_answered:
                return
            self._is_answered = True
        try:
            if isinstance(answer, bytes):
                self._grpc._status(self._event, state, answer)
            else:
                with state.condition:
                    state.code = answer.code
                    state.details = (answer.details or "").encode()
                    state.trailing_metadata = answer.trailing_metadata
                    unknown = self._grpc.cygrpc.StatusCode.unknown
                    self._grpc._abort(state, self._event.call, unknown, b"")
        except Exception:  # the log's thread goes on, too, and with it all other answers
            _LOG.exception("a call cannot be answered")
        self._end()

    def _end(self) -> None:
        self._tell_done()
        self._release()

    def _tell_done(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(self)


class _Internal(grpc.Status):
    def __init__(self, error: Exception) -> None:
        self.code = grpc.StatusCode.INTERNAL
        self.details = f"unexpected error: {error!r}"
        self.trailing_metadata = ()

"""Continuous batching: after every step finished texts leave the batch and waiting ones join it.

Owns the engine's thread, the queue before it, and what each request is told. Knows nothing of gRPC.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from examples.llm_server.model import NAME, Generation, TinyModel, decode, encode

from rootspan import batching, semconv


class QueueFullError(Exception):
    """No more requests may wait."""


@dataclass(eq=False, slots=True)
class Request:
    """A text to be generated, with its ticket and the way back of its tokens."""

    prompt: list[int]
    max_tokens: int
    ticket: batching.Ticket
    generation: Generation
    n_tokens: int = 0
    cancelled: bool = False
    tokens: queue.SimpleQueue[str | Exception | None] = field(default_factory=queue.SimpleQueue)

    def stream(self) -> Iterator[str]:
        """The text as it comes, token by token; ends with the text or raises what failed it."""
        while True:
            token = self.tokens.get()
            if token is None:
                return
            if isinstance(token, Exception):
                raise token
            yield token


class Scheduler:
    """One engine: a model, a batch of at most `max_batch` texts, and at most `max_waiting` before it."""

    def __init__(self, model: TinyModel, *, max_batch: int = 8, max_waiting: int = 32) -> None:
        self._model, self._max_batch, self._max_waiting = model, max_batch, max_waiting
        self._engine = batching.Engine("llm.step", {semconv.GEN_AI_REQUEST_MODEL: NAME})
        self._waiting: deque[Request] = deque()
        self._active: list[Request] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, prompt: str, max_tokens: int) -> Request:
        """Queue a request; its ticket belongs to the span that is current here.

        Raises:
            QueueFullError: `max_waiting` are waiting already.
        """
        tokens = encode(prompt)
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise QueueFullError(f"{self._max_waiting} requests wait already")
            ticket = batching.enqueue(attributes={semconv.GEN_AI_REQUEST_MODEL: NAME})
            request = Request(tokens, max_tokens, ticket, Generation(list(tokens)))
            self._waiting.append(request)
            self._changed.notify()
        return request

    def stop(self) -> None:
        """End the engine; requests that are under way fail."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(5)

    def _run(self) -> None:
        while self._admit():
            self._active = [one for one in self._active if not self._drop_if_cancelled(one)]
            if self._active:
                self._active = self._step(self._active)
        for request in [*self._active, *self._waiting]:
            self._leave(request, RuntimeError("the server stops"))
        self._engine.close()

    def _admit(self) -> bool:
        """Wait for something to do, and fill the batch up. False when the server stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._active or self._waiting or self._stopping)
            while self._waiting and len(self._active) < self._max_batch:
                self._active.append(self._waiting.popleft())
            return not self._stopping

    def _step(self, active: list[Request]) -> list[Request]:
        """One step for all; returns those that have more to say."""
        # A prompt is fed at once, so it takes as much of its first step as it has tokens; then one a step.
        units = [len(one.generation.pending) for one in active]
        with self._engine.step([one.ticket for one in active], units=units):
            chosen = self._model.step([one.generation for one in active])
        for request, token in zip(active, chosen, strict=True):
            request.n_tokens += 1
            request.tokens.put(decode(token))
            if request.n_tokens >= request.max_tokens:
                self._leave(request, None)
        return [one for one in active if not one.ticket.finished]

    def _drop_if_cancelled(self, request: Request) -> bool:
        if request.cancelled:
            self._leave(request, asyncio.CancelledError())
        return request.cancelled

    @staticmethod
    def _leave(request: Request, error: BaseException | None) -> None:
        request.ticket.finish(
            error,
            {
                semconv.GEN_AI_INPUT_TOKENS: len(request.prompt),
                semconv.GEN_AI_OUTPUT_TOKENS: request.n_tokens,
            },
        )
        request.tokens.put(error if isinstance(error, Exception) else None)

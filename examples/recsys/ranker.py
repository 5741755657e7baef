"""The ranker: a bounded queue, one worker in place of one GPU, and three stages.

What the device computes is a sleep: the example shows tracing, not ranking.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import grpc
from examples.harness.wire import Message
from opentelemetry import context as otel_context

import rootspan
from rootspan import semconv

MODEL = "dlrm-v3"
QUEUE_LIMIT = 32
_MODEL_ATTRIBUTES = {semconv.GEN_AI_REQUEST_MODEL: MODEL}
_log = logging.getLogger("recsys.ranker")


@dataclass(slots=True)
class Job:
    """A request that waits for the device, with the context it came in."""

    request: Message
    context: otel_context.Context
    queued_ns: int
    answer: Future[Message] = field(default_factory=Future)

    def waited_ms(self) -> float:
        """How long it has been in the queue by now."""
        return (time.perf_counter_ns() - self.queued_ns) / 1e6


class Ranker:
    """Answers `Ranker/Rank`; `slowdown()` is the factor on the device's time, 1 when healthy."""

    def __init__(self, get_features: Callable[..., Message], slowdown: Callable[[], float]) -> None:
        self._get_features, self._slowdown = get_features, slowdown
        self._random = random.Random()
        self._jobs: queue.Queue[Job] = queue.Queue(QUEUE_LIMIT)
        threading.Thread(target=self._work, name="device", daemon=True).start()

    def rank(self, request: Message, context: grpc.ServicerContext) -> Message:
        """Wait for the device, then for the answer."""
        job = Job(request, otel_context.get_current(), time.perf_counter_ns())
        rootspan.set_attributes(_MODEL_ATTRIBUTES)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            _log.warning("queue is full: %d jobs", QUEUE_LIMIT)
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue full")
        try:
            return job.answer.result(timeout=context.time_remaining())
        except grpc.RpcError:
            context.abort(grpc.StatusCode.INTERNAL, "ranking failed")
        except TimeoutError:
            if job.answer.cancel():  # still in the queue: all it did was wait
                rootspan.set_attributes({semconv.QUEUE_WAIT_MS: job.waited_ms()})
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the device did not get to it")
        raise AssertionError("abort() raises")

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if not job.answer.set_running_or_notify_cancel():
                continue
            # The worker carries on in the request's own context: its spans belong to that trace.
            token = otel_context.attach(job.context)
            rootspan.set_attributes({semconv.QUEUE_WAIT_MS: job.waited_ms()})
            try:
                job.answer.set_result(self._stages(job.request))
            except Exception as err:
                job.answer.set_exception(err)
            finally:
                otel_context.detach(token)

    def _stages(self, request: Message) -> Message:
        self._embed()
        features = self._get_features({"user": request["user"]}, timeout=1.0)
        return {"items": self._forward(features["rows"])}

    @rootspan.trace("embedding.lookup", attributes={"app.stage": "embedding", **_MODEL_ATTRIBUTES})
    def _embed(self) -> None:
        time.sleep(self._random.lognormvariate(-6.2, 0.2))

    @rootspan.trace("model.forward", attributes={"app.stage": "forward", **_MODEL_ATTRIBUTES})
    def _forward(self, rows: int) -> list[int]:
        rootspan.set_attributes({"app.candidates": 128 + rows})
        time.sleep(self._random.lognormvariate(-2.9, 0.15) * self._slowdown())
        return [self._random.randrange(10_000) for _ in range(5)]

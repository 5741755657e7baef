"""A request's place in a batcher: when it came, which batches it was in, what of them was its own.

Owns the account of one request and the span that tells it. Knows nothing of how batches are formed.

The span is made when the request is done with the batcher, as a child of the span that was current at
`enqueue()`: at that moment everything is known, nothing is held open meanwhile, and it does not matter
whether the request's own span has ended by then or lives in another process. It begins at `enqueue()`, so
the wait lies inside it, and it alone tells the wait: no time is counted twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext

from rootspan import semconv
from rootspan.context.propagation import extract, inject
from rootspan.guard import harmless
from rootspan.spans.outcome import settle
from rootspan.spans.scope import AttributeValue

MAX_LINKS = 32
"""Batches a request links to. A long generation sees hundreds; the first ones, where it joined, are kept."""
_NS_PER_MS = 1e6
# A proxy until the program sets OpenTelemetry up; it follows then.
_tracer = otel_trace.get_tracer("rootspan.batching")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch, as its requests know it.

    Attributes:
        id: 16 hexadecimal digits, the same on the batch's span and on every request that was in it.
        name: What the batch does; its span is called `<name> batch`.
        context: The batch's span, to link to.
    """

    id: str
    name: str
    context: SpanContext


class Owner(Protocol):
    """What forms batches, and wants to know when a request has left for good."""

    def left(self, ticket: Ticket) -> None:
        """The ticket was finished."""


def enqueue(*, units: float = 1.0, attributes: Mapping[str, AttributeValue] | None = None) -> Ticket:
    """Take a ticket for the current request. Call it where the request begins to wait.

    Args:
        units: How much of a batch the request takes, in whatever measure its batch shares: tokens, rows.
        attributes: For the span that tells the request's stay.
    """
    return Ticket(otel_context.get_current(), units=units, attributes=attributes)


class Ticket:
    """One request on its way through a batcher.

    May be sent to another process (it pickles, and then knows the request by its trace context only).
    Thread-safe. A ticket that is never finished costs nothing and tells nothing.

    Attributes:
        units: What the next batch reckons for this request; may be changed between steps, e.g. from the
            tokens of a prompt to one token a step.
    """

    def __init__(
        self,
        context: Context,
        *,
        units: float = 1.0,
        attributes: Mapping[str, AttributeValue] | None = None,
        enqueued_ns: int | None = None,
    ) -> None:
        self.units = units
        self._context = context
        self._attributes = dict(attributes or {})
        self._enqueued_ns = time.time_ns() if enqueued_ns is None else enqueued_ns
        self._waiting_since_ns: int | None = self._enqueued_ns
        self._serving_since_ns: int | None = None
        self._serving_share = 0.0
        self._wait_ns = self._service_ns = 0
        self._share_ns = 0.0
        self._n_batches = self._n_steps = self._n_pauses = self._largest = 0
        self._batches: list[Batch] = []
        self._owner: Owner | None = None
        self._finished = False
        self._lock = threading.Lock()

    @property
    def context(self) -> Context:
        """The request's own context: `rootspan.span(..., context=ticket.context)` works for this request."""
        return self._context

    @property
    def request(self) -> SpanContext:
        """The span that was current at `enqueue()`."""
        return otel_trace.get_current_span(self._context).get_span_context()

    @property
    def enqueued_ns(self) -> int:
        """When the request began to wait, in nanoseconds since the epoch."""
        return self._enqueued_ns

    @property
    def finished(self) -> bool:
        """Whether the request is done with the batcher."""
        return self._finished

    @property
    def batch_id(self) -> str | None:
        """The batch that took the request first; None while it waits for it."""
        return self._batches[0].id if self._batches else None

    @property
    def wait_ms(self) -> float:
        """How long the request waited: for its first batch, and while it was preempted."""
        return self._wait_ns / _NS_PER_MS

    @property
    def service_ms(self) -> float:
        """How long the batches ran that the request was in."""
        return self._service_ns / _NS_PER_MS

    @property
    def share(self) -> float:
        """Its part of those batches by units, 0 to 1; 0 before the first one ended."""
        return self._share_ns / self._service_ns if self._service_ns else 0.0

    def headers(self) -> dict[str, str]:
        """The request's trace context, to send along with its work in a message of your own."""
        return dict(inject(context=self._context))

    def finish(
        self,
        error: BaseException | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        """The request is done with the batcher, or has given up waiting. Later calls do nothing.

        Args:
            error: What failed it; a cancellation is told as such.
            attributes: What is known by now, e.g. the number of tokens.
        """
        with self._lock:
            if self._finished:
                return
            self._finished = True
            now_ns = time.time_ns()
            self._stop_waiting(now_ns)
            self._stop_serving(now_ns)
            owner, self._owner = self._owner, None
        if owner is not None:
            owner.left(self)
        self._tell(now_ns, error, {**self._attributes, **(attributes or {})})

    def begin(self, batch: Batch, size: int, share: float, now_ns: int, owner: Owner | None = None) -> None:
        """A batch or step with this request in it begins. For batchers; programs have no need to call it."""
        with self._lock:
            if self._finished:
                return
            self._owner = owner
            self._stop_waiting(now_ns)
            self._serving_since_ns, self._serving_share = now_ns, share
            self._largest = max(self._largest, size)
            if not self._batches or self._batches[-1].id != batch.id:
                self._n_batches += 1
                if len(self._batches) < MAX_LINKS:
                    self._batches.append(batch)

    def end(self, now_ns: int) -> None:
        """That batch or step is over."""
        with self._lock:
            if not self._finished:
                self._stop_serving(now_ns)

    def pause(self, now_ns: int) -> None:
        """A step runs without this request, which goes on waiting: it was preempted."""
        with self._lock:
            if not self._finished and self._waiting_since_ns is None:
                self._waiting_since_ns = now_ns
                self._n_pauses += 1

    def _stop_waiting(self, now_ns: int) -> None:
        if self._waiting_since_ns is not None:
            self._wait_ns += max(0, now_ns - self._waiting_since_ns)
            self._waiting_since_ns = None

    def _stop_serving(self, now_ns: int) -> None:
        if self._serving_since_ns is not None:
            duration_ns = max(0, now_ns - self._serving_since_ns)
            self._service_ns += duration_ns
            self._share_ns += duration_ns * self._serving_share
            self._n_steps += 1
            self._serving_since_ns = None

    @harmless
    def _tell(
        self, now_ns: int, error: BaseException | None, attributes: Mapping[str, AttributeValue]
    ) -> None:
        told: dict[str, AttributeValue] = {
            **attributes,
            semconv.QUEUE_WAIT_MS: self.wait_ms,
            semconv.BATCH_SERVICE_MS: self.service_ms,
        }
        if self._batches:
            told |= {
                semconv.BATCH_ID: self._batches[0].id,
                semconv.BATCH_SIZE: self._largest,
                semconv.BATCH_SHARE: self.share,
                semconv.BATCH_SHARE_MS: self._share_ns / _NS_PER_MS,
                semconv.BATCH_COUNT: self._n_batches,
                semconv.BATCH_STEPS: self._n_steps,
                semconv.BATCH_PAUSES: self._n_pauses,
            }
        span = _tracer.start_span(
            self._batches[0].name if self._batches else "batch.wait",
            self._context,
            attributes=told,
            links=[Link(batch.context, {semconv.BATCH_ID: batch.id}) for batch in self._batches],
            start_time=self._enqueued_ns,
        )
        settle(span, error)
        span.end(max(now_ns, self._enqueued_ns))

    def __reduce__(self) -> tuple[object, ...]:
        return _arrive, (self.headers(), self.units, self._attributes, self._enqueued_ns)


def _arrive(
    headers: dict[str, str], units: float, attributes: dict[str, AttributeValue], enqueued_ns: int
) -> Ticket:
    return Ticket(extract(headers), units=units, attributes=attributes, enqueued_ns=enqueued_ns)

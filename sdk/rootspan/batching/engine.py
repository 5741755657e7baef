"""Continuous batching: requests join and leave between the steps of an engine that runs on and on.

Owns the steps and the spans that tell them. A span for each step would be tens of thousands a minute that
say the same, so consecutive steps with the same requests are one batch: a new one begins when a request
joins, leaves or is preempted, and after `max_steps` steps or `max_batch_s` seconds. `Engine(max_steps=1)`
tells every step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import Span, SpanKind

from rootspan import semconv
from rootspan.batching.tally import links_to, name_batch, opening, shares, told_in
from rootspan.batching.ticket import Batch, Ticket
from rootspan.spans.outcome import settle
from rootspan.spans.scope import AttributeValue, start_span


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an engine.

    Attributes:
        number: Counts from 0.
        batch: The stretch of steps it belongs to.
        size: Requests in it.
    """

    number: int
    batch: Batch
    size: int


@dataclass(slots=True)
class _Stretch:
    """Consecutive steps with the same requests, while they last."""

    batch: Batch
    span: Span
    tickets: tuple[Ticket, ...]
    began_ns: int
    ended_ns: int
    busy_ns: int = 0
    steps: int = 0
    units: float = 0.0


class Engine:
    """What runs the steps. One for each scheduler loop; `step()` is for one thread or task at a time.

    Tickets may be finished from any thread, within a step or between steps.
    """

    def __init__(
        self,
        name: str = "batch",
        attributes: Mapping[str, AttributeValue] | None = None,
        *,
        max_steps: int = 64,
        max_batch_s: float = 1.0,
    ) -> None:
        """Args:
        name: What a step does, e.g. "decode".
        attributes: Of every batch's span.
        max_steps: Steps that one batch's span covers at most.
        max_batch_s: Seconds that one batch's span covers at most, as far as steps allow.
        """
        self._name, self._attributes = name, dict(attributes or {})
        self._max_steps, self._max_batch_ns = max_steps, round(max_batch_s * 1e9)
        self._lock = threading.Lock()
        self._stretch: _Stretch | None = None
        self._previous: tuple[Ticket, ...] = ()
        self._in_step = self._stale = False
        self._number = 0

    @contextmanager
    def step(self, tickets: Sequence[Ticket], *, units: Sequence[float] | None = None) -> Iterator[Step]:
        """Run one step for the requests behind these tickets.

        A request that was in the step before, is not in this one and was not finished, was preempted: it
        waits again. A request is done when its `Ticket.finish()` is called; an exception fails the step's
        batch, and what becomes of the requests is the program's decision.

        Args:
            tickets: The requests of this step; may be empty.
            units: What each takes of it, e.g. tokens; None takes `Ticket.units`.

        Yields:
            The step. Its batch's span is current inside.
        """
        with self._lock:
            now_ns = time.time_ns()
            stretch = self._stretch_for(tuple(tickets), now_ns)
            taking_part = shares(tickets, units)
            self._in_step = True
        size = len(stretch.tickets)
        for ticket, share in zip(tickets, taking_part, strict=True):
            ticket.begin(stretch.batch, size, share, now_ns, self)
        step, self._number = Step(self._number, stretch.batch, size), self._number + 1
        error: BaseException | None = None
        # By value, not by token: a generator that steps may be resumed in another task.
        previous = otel_context.get_current()
        otel_context.attach(otel_trace.set_span_in_context(stretch.span))
        try:
            yield step
        except BaseException as left:
            error = left
            raise
        finally:
            otel_context.attach(previous)
            ended_ns = time.time_ns()
            for ticket in tickets:
                ticket.end(ended_ns)
            with self._lock:
                self._in_step = False
                stretch.ended_ns = max(ended_ns, stretch.ended_ns)
                stretch.busy_ns += max(0, ended_ns - now_ns)
                stretch.steps += 1
                stretch.units += sum(units if units is not None else (one.units for one in tickets))
                if error is not None or self._stale:
                    self._close(error)

    def left(self, ticket: Ticket) -> None:
        """A request is done: the batch it was in ends with the step."""
        with self._lock:
            self._previous = tuple(one for one in self._previous if one is not ticket)
            if self._stretch is None or ticket not in self._stretch.tickets:
                return
            self._stale = True
            if not self._in_step:
                self._close(None)

    def close(self) -> None:
        """Tell the last batch now; it would be told with the next step otherwise."""
        with self._lock:
            if not self._in_step:
                self._close(None)

    def _stretch_for(self, tickets: tuple[Ticket, ...], now_ns: int) -> _Stretch:
        open_ = self._stretch
        here = {id(ticket) for ticket in tickets}
        if (
            open_ is not None
            and here == {id(ticket) for ticket in open_.tickets}
            and open_.steps < self._max_steps
            and now_ns - open_.began_ns < self._max_batch_ns
        ):
            return open_
        self._close(None)
        before = {id(ticket) for ticket in self._previous}
        preempted = [ticket for ticket in self._previous if id(ticket) not in here]
        for ticket in preempted:
            ticket.pause(now_ns)
        attributes = {
            **opening(tickets, now_ns, self._attributes),
            semconv.BATCH_JOINED: len(here - before),
            semconv.BATCH_PREEMPTED: len(preempted),
        }
        span = start_span(
            f"{self._name} batch", SpanKind.INTERNAL, attributes, links_to(tickets), told_in(tickets)
        )
        self._previous = tickets
        self._stretch = _Stretch(name_batch(span, self._name), span, tickets, now_ns, now_ns)
        return self._stretch

    def _close(self, error: BaseException | None) -> None:
        stretch, self._stretch, self._stale = self._stretch, None, False
        if stretch is None:
            return
        stretch.span.set_attributes(
            {
                semconv.BATCH_STEPS: stretch.steps,
                semconv.BATCH_UNITS: stretch.units,
                semconv.BATCH_SERVICE_MS: stretch.busy_ns / 1e6,
            }
        )
        settle(stretch.span, error)
        stretch.span.end(stretch.ended_ns)

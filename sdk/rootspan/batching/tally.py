"""What batches have in common: how they are divided, whose trace they are told in, how they are opened.

Owns those three rules. Knows nothing of when a batch begins or ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, format_span_id

from rootspan import semconv
from rootspan.batching.ticket import Batch, Ticket
from rootspan.spans.scope import AttributeValue


def shares(tickets: Sequence[Ticket], units: Sequence[float] | None = None) -> list[float]:
    """How a batch is divided among its requests: by units, equally where there are none. Adds up to 1.

    `units` that are not one for each ticket are not used.
    """
    if units is None or len(units) != len(tickets):
        units = [ticket.units for ticket in tickets]
    asked = [max(0.0, float(one)) for one in units]
    total = sum(asked)
    return [one / total if total > 0 else 1 / len(asked) for one in asked]


def told_in(tickets: Sequence[Ticket]) -> Context:
    """The parent of a batch's span: the request of the first ticket that is sampled, or of the first.

    A trace of its own would make every batch look like one more user's request, and sampling would lose it
    independently of all its requests. Without tickets it is a trace of its own, whatever is current.
    """
    chosen = next((one for one in tickets if one.request.trace_flags.sampled), None) or next(
        iter(tickets), None
    )
    if chosen is None:
        return Context()
    # The span alone, not the request's baggage: a batch of many tenants belongs to none of them.
    return otel_trace.set_span_in_context(otel_trace.get_current_span(chosen.context), Context())


def links_to(tickets: Sequence[Ticket]) -> list[Link]:
    """A link to each request, in order."""
    return [Link(ticket.request) for ticket in tickets if ticket.request.is_valid]


def opening(
    tickets: Sequence[Ticket], now_ns: int, attributes: Mapping[str, AttributeValue]
) -> dict[str, AttributeValue]:
    """What a batch's span begins with."""
    waited_ns = max((now_ns - ticket.enqueued_ns for ticket in tickets), default=0)
    return {
        **attributes,
        semconv.BATCH_SIZE: len(tickets),
        semconv.BATCH_OLDEST_MS: max(0, waited_ns) / 1e6,
    }


def name_batch(span: Span, name: str) -> Batch:
    """Give a batch its id: its span's where there is one, so that it can be found by either."""
    context = span.get_span_context()
    made = Batch(format_span_id(context.span_id) if context.is_valid else os.urandom(8).hex(), name, context)
    span.set_attribute(semconv.BATCH_ID, made.id)
    return made

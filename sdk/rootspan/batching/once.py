"""Dynamic batching: requests are collected, one batch runs for all of them, and all of them leave with it.

Owns what happens around that one run. Which requests, and when, is the program's decision.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rootspan.batching.tally import links_to, name_batch, opening, shares, told_in
from rootspan.batching.ticket import Batch, Ticket
from rootspan.spans.scope import AttributeValue, span


@contextmanager
def batch(
    tickets: Sequence[Ticket],
    name: str = "batch",
    attributes: Mapping[str, AttributeValue] | None = None,
    *,
    finish: bool = True,
) -> Iterator[Batch]:
    """Run one batch for the requests behind these tickets, in sync and async code alike.

    Its span, `<name> batch`, links to every request, and is a child of the first request that is sampled: the
    trace in which the batch's own phases can be read. Every request gets a span `name` in its own trace, from
    `enqueue()` to the end of the batch, with a link to the batch and its wait, share, batch id and size.

    Args:
        tickets: The requests, oldest first; may be empty (a warm-up).
        name: What the batch does, e.g. "model.forward".
        attributes: Of the batch's span.
        finish: Whether the requests are done when the batch is. False where more follows for a request
            (another batch, or work of its own); `Ticket.finish()` ends it then. What fails the batch fails
            its requests in any case.

    Yields:
        The batch. Its span is current inside.
    """
    error: BaseException | None = None
    now_ns = time.time_ns()
    begun = opening(tickets, now_ns, attributes or {})
    try:
        with span(f"{name} batch", begun, links=links_to(tickets), context=told_in(tickets)) as own:
            made = name_batch(own, name)
            for ticket, share in zip(tickets, shares(tickets), strict=True):
                ticket.begin(made, len(tickets), share, now_ns)
            try:
                yield made
            finally:
                now_ns = time.time_ns()
                for ticket in tickets:
                    ticket.end(now_ns)
    except BaseException as left:
        error = left
        raise
    finally:
        if finish or error is not None:
            for ticket in tickets:
                ticket.finish(error)

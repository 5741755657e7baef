"""What a request takes along to every service it reaches: tenant, model version, experiment.

Owns baggage as the program sets it. It goes to every service that is called, also to those of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import baggage as otel_baggage
from opentelemetry import context as otel_context


@contextmanager
def baggage(entries: Mapping[str, object] | None = None, /, **more: object) -> Iterator[None]:
    """Have requests made inside this block carry entries, e.g. `baggage({"tenant.id": "acme"})`.

    They add to those that are there. Values are told as text.
    """
    previous = otel_context.get_current()
    context = previous
    for name, value in {**(entries or {}), **more}.items():
        context = otel_baggage.set_baggage(name, str(value), context)
    # By value, not by token: a generator may be closed in another task.
    otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.attach(previous)

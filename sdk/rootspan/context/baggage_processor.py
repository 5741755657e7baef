"""Puts baggage onto spans: what a caller sent along about tenant, model version or experiment.

Owns the list of what is allowed. Baggage comes from outside, so it becomes attributes by name only, and cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import baggage as otel_baggage
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

MAX_VALUE_CHARS = 256
"""A value that is longer is cut: whoever calls us chooses it."""


class BaggageProcessor(SpanProcessor):
    """Copies allowed entries of the baggage onto every span as it starts."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Copy; an attribute that the program set by itself stays."""
        entries = otel_baggage.get_all(parent_context)
        if not entries or not span.is_recording():
            return
        own = span.attributes or {}
        for name in self._allowed.intersection(entries):
            if name not in own:
                span.set_attribute(name, str(entries[name])[:MAX_VALUE_CHARS])

"""How much one span may hold, by OpenTelemetry's limits and their environment variables.

Owns the decision whether attributes can be kept as they are, and what happens to those that cannot:
OpenTelemetry's own `BoundedAttributes` cleans them, so the outcome is the same as with its SDK.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link
from opentelemetry.util import types

PLAIN: frozenset[type] = frozenset({str, int, float, bool, bytes})
"""Types of values that cannot change under us and need no cleaning."""

Attributes = dict[str, types.AnyValue]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a span. Counts without a limit are `sys.maxsize`.

    Attributes:
        max_span_length: Longest string of a span's attribute, or None.
        max_length: The same for attributes of events and links.
    """

    max_attributes: int
    max_events: int
    max_links: int
    max_event_attributes: int
    max_link_attributes: int
    max_span_length: int | None
    max_length: int | None

    @classmethod
    def of(cls, limits: SpanLimits) -> Limits:
        """OpenTelemetry's limits, which it read from arguments or OTEL_*_LIMIT."""

        def count(limit: int | None) -> int:
            return sys.maxsize if limit is None else limit

        return cls(
            max_attributes=count(limits.max_span_attributes),
            max_events=count(limits.max_events),
            max_links=count(limits.max_links),
            max_event_attributes=count(limits.max_event_attributes),
            max_link_attributes=count(limits.max_link_attributes),
            max_span_length=limits.max_span_attribute_length,
            max_length=limits.max_attribute_length,
        )

    def begin(self, attributes: Mapping[str, types.AnyValue]) -> tuple[Attributes, int]:
        """A span's first attributes, owned and within the limits, and how many fell away."""
        if (
            self.max_span_length is None
            and len(attributes) <= self.max_attributes
            and PLAIN.issuperset(map(type, attributes.values()))
        ):
            return dict(attributes), 0
        return self.set({}, attributes)

    def set(self, held: Attributes, new: Mapping[str, types.AnyValue]) -> tuple[Attributes, int]:
        """Put cleaned attributes among those held; the oldest make way. Returns how many fell away, too."""
        clean = _clean(None, new, self.max_span_length)
        n_dropped = clean.dropped
        for key, value in clean.items():
            held.pop(key, None)
            held[key] = value
            if len(held) > self.max_attributes:
                del held[next(iter(held))]
                n_dropped += 1
        return held, n_dropped

    def of_event(self, attributes: Mapping[str, types.AnyValue]) -> tuple[Attributes, int]:
        """An event's attributes, owned and within the limits, and how many fell away."""
        if (
            self.max_length is None
            and len(attributes) <= self.max_event_attributes
            and PLAIN.issuperset(map(type, attributes.values()))
        ):
            return dict(attributes), 0
        bounded = _clean(self.max_event_attributes, attributes, self.max_length)
        return dict(bounded), bounded.dropped

    def links(self, links: Iterable[Link]) -> BoundedList[Link]:
        """The links that say something, each within the limits."""
        kept: BoundedList[Link] = BoundedList(self.max_links if self.max_links < sys.maxsize else None)
        for link in links:
            if link and (link.context.is_valid or link.attributes or link.context.trace_state):
                attributes = _clean(self.max_link_attributes, link.attributes or {}, self.max_length)
                kept.append(Link(link.context, attributes))
        return kept


def _clean(
    max_count: int | None, attributes: Mapping[str, types.AnyValue], max_length: int | None
) -> BoundedAttributes:
    try:
        return BoundedAttributes(max_count, attributes, immutable=False, max_value_len=max_length)
    except Exception:  # the value's own __str__: it costs this attribute, not the span or the program
        clean = BoundedAttributes(max_count, None, immutable=False, max_value_len=max_length)
        for key, value in attributes.items():
            try:
                clean[key] = value
            except Exception as err:
                clean[key] = f"({type(value).__qualname__} that cannot be printed: {type(err).__name__})"
        return clean

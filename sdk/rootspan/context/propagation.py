"""Carries the current span over a transport of your own: headers out, headers in (W3C trace context,
baggage).

Owns the shapes in which transports keep headers: mappings and lists of pairs, text and bytes, one value or
several. The official instrumentations do this for gRPC, requests and httpx; these functions are for
everything else. Nothing here raises on headers that make no sense.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar

from opentelemetry import propagate
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import Link
from opentelemetry.util.types import AttributeValue

Value = str | bytes | Iterable[str | bytes] | None
Headers = Mapping[str, Value] | Mapping[bytes, Value] | Iterable[tuple[str | bytes, Value]]
"""What `extract` reads: a mapping (HTTP, AMQP) or pairs (Kafka, ASGI, gRPC metadata), in text or bytes."""
MappingT = TypeVar("MappingT", bound=MutableMapping[str, str])
Pairs = list[tuple[str, bytes]]


class _PairSetter(Setter[Pairs]):
    def set(self, carrier: Pairs, key: str, value: str) -> None:
        carrier[:] = [pair for pair in carrier if pair[0].lower() != key]
        carrier.append((key, value.encode()))


class _PlainGetter(Getter[dict[str, list[str]]]):
    def get(self, carrier: dict[str, list[str]], key: str) -> list[str] | None:
        return carrier.get(key.lower())

    def keys(self, carrier: dict[str, list[str]]) -> list[str]:
        return list(carrier)


_pairs, _plain = _PairSetter(), _PlainGetter()


def inject(
    headers: MutableMapping[str, str] | None = None, *, context: Context | None = None
) -> MutableMapping[str, str]:
    """Add the current span to headers; returns them, or new ones where none were given.

    Args:
        headers: Where to add it.
        context: Whose span; None takes what is current.
    """
    carrier: MutableMapping[str, str] = {} if headers is None else headers
    propagate.inject(carrier, context)
    return carrier


def inject_pairs(headers: Pairs | None = None, *, context: Context | None = None) -> Pairs:
    """The same for transports that keep headers as pairs of a name and bytes, as Kafka's clients do."""
    carrier: Pairs = [] if headers is None else headers
    propagate.inject(carrier, context, _pairs)
    return carrier


def extract(headers: Headers | None) -> Context:
    """The caller's context, for `rootspan.span(..., context=...)`.

    Names may be in any case. Without a context in the headers it is the current one; nothing raises.
    """
    return propagate.extract(dict(_plainly(headers)), getter=_plain)


def link(headers: Headers | None, attributes: Mapping[str, AttributeValue] | None = None) -> list[Link]:
    """A link to the span whose context the headers carry, for `rootspan.span(..., links=...)`.

    Returns:
        One link, or none where the headers carry no context: lists add up, one for each message of a batch.
    """
    found = propagate.extract(dict(_plainly(headers)), Context(), _plain)
    context = otel_trace.get_current_span(found).get_span_context()
    return [Link(context, attributes)] if context.is_valid else []


def _plainly(headers: Headers | None) -> Iterator[tuple[str, list[str]]]:
    for name, value in _items(headers):
        values = [value] if isinstance(value, (str, bytes)) else value
        if value is not None and isinstance(name, (str, bytes)) and isinstance(values, Iterable):
            yield _text(name).lower(), [_text(one) for one in values if isinstance(one, (str, bytes))]


def _items(headers: Headers | None) -> Iterable[tuple[object, object]]:
    if headers is None:
        return ()
    if isinstance(headers, Mapping):
        return headers.items()
    return [pair for pair in headers if isinstance(pair, tuple) and len(pair) == 2]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")

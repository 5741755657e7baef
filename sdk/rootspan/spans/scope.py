"""Spans by hand: `span()`, `current_span()`, `set_attributes()`.

Owns how a span becomes current and how it ends. Everything else is OpenTelemetry's: what `span()` yields is
an `opentelemetry.trace.Span`, and before `init()` it is one that records nothing. Imports the API alone; the
provider that `init()` installs brings the fast path with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import INVALID_SPAN, Link, NoOpTracer, Span, SpanKind
from opentelemetry.trace.propagation import _SPAN_KEY as SPAN_KEY

from rootspan.spans.outcome import settle

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
Kind = Literal["internal", "server", "client", "producer", "consumer"]

_KINDS: Mapping[str, SpanKind] = {kind.name.lower(): kind for kind in SpanKind}
_INTERNAL = SpanKind.INTERNAL
_SCOPE = "rootspan"
_logger = logging.getLogger("rootspan")


class SpanScope(Protocol):
    """Context manager that makes a span current, and ends it."""

    def __enter__(self) -> Span:
        """Start the span and make it current."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """End the span; an exception goes on."""


def current_span() -> Span:
    """The span that is current here, or one that records nothing."""
    return otel_trace.get_current_span()


def set_attributes(attributes: Mapping[str, AttributeValue] | None = None, /, **more: AttributeValue) -> None:
    """Put attributes on the current span; does nothing without one."""
    otel_trace.get_current_span().set_attributes({**(attributes or {}), **more})


class span:  # noqa: N801 - a class like contextlib.suppress: a function around it would cost as much as an id
    """A span around a `with` block, in sync and async code alike. It yields the OpenTelemetry span.

    One use only. It restores the previous context by value, not by token: a generator may be resumed and
    closed in another thread or task, where OpenTelemetry's token is refused.
    """

    __slots__ = ("_attributes", "_context", "_kind", "_links", "_name", "_previous", "_span")

    def __init__(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue] | None = None,
        /,
        *,
        kind: Kind = "internal",
        links: Sequence[Link] = (),
        context: Context | None = None,
        **more: AttributeValue,
    ) -> None:
        """Say what the span is; it starts with the block.

        Args:
            name: What is done, without ids in it: "rank", not "rank user 17".
            attributes: Attributes whose names are no Python identifiers, e.g. {"gen_ai.request.model": "m"}.
            kind: Its role in a call.
            links: Spans of other traces it has to do with.
            context: The parent, e.g. from `rootspan.extract(headers)`; None takes the current one.
            **more: Attributes.

        Raises:
            ValueError: There is no such kind.
        """
        self._name = name
        self._kind = _INTERNAL if kind == "internal" else kind_of(kind)
        self._attributes: Mapping[str, AttributeValue] = (
            more if not attributes else {**attributes, **more} if more else attributes
        )
        self._context = context
        self._links = links

    def __enter__(self) -> Span:
        """Start the span and make it current."""
        self._previous = previous = get_current()
        parent = previous if self._context is None else self._context
        try:
            begin = _begin if otel_trace._TRACER_PROVIDER is _provider else _find()
            started = begin(self._name, parent, self._kind, self._attributes, self._links)
        except Exception as err:
            started = _could_not_start(err)
        self._span = started
        attach(Context({**parent, SPAN_KEY: started} if parent else {SPAN_KEY: started}))
        return started

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """Restore the previous context and end the span."""
        attach(self._previous)
        try:
            if error is not None:
                settle(self._span, error)
            self._span.end()
        except Exception as err:
            _could_not_end(err)


def start_span(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, AttributeValue],
    links: Sequence[Link],
    parent: Context | None,
) -> Span:
    """Start a span that is not current.

    A sampler or processor that raises costs the span, not the program.
    """
    try:
        return _find()(name, get_current() if parent is None else parent, kind, attributes, links)
    except Exception as err:
        return _could_not_start(err)


def end_span(span: Span, error: BaseException | None) -> None:
    """End a span with what left the work. Never raises."""
    try:
        if error is not None:
            settle(span, error)
        span.end()
    except Exception as err:
        _could_not_end(err)


def kind_of(kind: Kind) -> SpanKind:
    """OpenTelemetry's span kind of a name.

    Raises:
        ValueError: There is no such kind.
    """
    try:
        return _KINDS[kind]
    except KeyError:
        raise ValueError(f"kind is {kind!r}: use one of {', '.join(_KINDS)}") from None


def _could_not_start(err: Exception) -> Span:
    _logger.warning("rootspan could not start a span: %s: %s", type(err).__name__, err)
    return INVALID_SPAN


def _could_not_end(err: Exception) -> None:
    _logger.warning("rootspan could not end a span: %s: %s", type(err).__name__, err)


Begin = Callable[[str, Context, SpanKind, Mapping[str, AttributeValue], Sequence[Link]], Span]


def _find() -> Begin:
    """How a span starts: by our tracer's short way, or by any other tracer's `start_span`."""
    # Asking OpenTelemetry for a tracer takes a lock and several objects; once per provider is enough.
    global _provider, _begin
    provider = otel_trace.get_tracer_provider()
    if provider is not _provider:
        tracer = provider.get_tracer(_SCOPE)
        begin = getattr(tracer, "begin", None) or tracer.start_span
        _provider, _begin = None, begin  # in this order, for a thread that compares meanwhile
        _provider = provider
    return _begin


_begin: Begin = NoOpTracer().start_span
_provider: object = "not asked yet"
get_current: Callable[[], Context] = otel_context.get_current
attach: Callable[[Context], object] = otel_context.attach
_runtime = otel_context._RUNTIME_CONTEXT
if type(_runtime) is ContextVarsRuntimeContext:
    # The very variable that OpenTelemetry reads, two calls nearer.
    get_current, attach = _runtime._current_context.get, _runtime._current_context.set

"""Wraps a callable so that each call is a span; a wrapper is of the same kind as what it wraps.

Owns the kinds: functions, coroutine functions, generators, async generators. A span around a generator begins
with its first step and ends with its last, however that comes about: exhausted, closed, left by an exception.
It is current inside the generator's own steps only, never in its consumer.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation import _SPAN_KEY as SPAN_KEY

from rootspan import semconv
from rootspan.config.settings import AttributeValue
from rootspan.guard import harmless
from rootspan.spans.scope import attach, end_span, get_current, start_span
from rootspan.spans.values import Recorder

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Opening:
    """What the spans of one decorated callable begin with, and what they note on the way.

    Attributes:
        arguments: Records arguments, where asked for.
        result: Records results, where asked for; of a generator the number of its items.
        first_item: Attribute for the seconds until a generator's first item, or None.
    """

    name: str
    kind: SpanKind
    attributes: Mapping[str, AttributeValue]
    arguments: Recorder | None = None
    result: Recorder | None = None
    first_item: str | None = None

    def start(self, parent: Context, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Span:
        """Start the span of one call, below `parent`."""
        span = start_span(self.name, self.kind, self.attributes, (), parent)
        if self.arguments is not None and span.is_recording():
            _note_arguments(span, self.arguments, args, kwargs)
        return span

    def close(self, span: Span, value: object) -> None:
        """End the span of a call that returned."""
        if self.result is not None and span.is_recording():
            _note_result(span, self.result, value)
        end_span(span, None)


def wrap(function: Callable[..., Any], opening: Opening) -> Callable[..., Any]:
    """The callable, traced."""
    # Async generators first: they are no coroutine functions, but a partial of one hides it from isgenerator.
    if inspect.isasyncgenfunction(function):
        return _wrap_async_generator(function, opening)
    if inspect.iscoroutinefunction(function):
        return _wrap_coroutine(cast("Callable[..., Awaitable[Any]]", function), opening)
    if inspect.isgeneratorfunction(function):
        return _wrap_generator(function, opening)
    return _wrap_function(function, opening)


def _wrap_function(function: Callable[P, R], opening: Opening) -> Callable[P, R]:
    @functools.wraps(function)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        # `with rootspan.span(...)` without its object and its two calls.
        previous = get_current()
        span = opening.start(previous, args, kwargs)
        attach(Context({**previous, SPAN_KEY: span} if previous else {SPAN_KEY: span}))
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            attach(previous)
            end_span(span, error)
            raise
        attach(previous)
        opening.close(span, result)
        return result

    return traced


def _wrap_coroutine(function: Callable[P, Awaitable[R]], opening: Opening) -> Callable[P, Awaitable[R]]:
    @functools.wraps(function)
    async def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        previous = get_current()
        span = opening.start(previous, args, kwargs)
        attach(Context({**previous, SPAN_KEY: span} if previous else {SPAN_KEY: span}))
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            attach(previous)
            end_span(span, error)
            raise
        attach(previous)
        opening.close(span, result)
        return result

    return traced


class _Steps:
    """Makes a generator's own context current during its steps, and the consumer's again after each.

    A span opened inside the generator stays current from one step to the next, as it would without us.
    """

    __slots__ = ("_begin", "_consumer", "_inside", "_n_items", "_opening", "span")

    def __init__(self, opening: Opening, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        self._opening, self._begin, self._n_items = opening, time.monotonic(), 0
        self.span = opening.start(get_current(), args, kwargs)
        self._inside = otel_trace.set_span_in_context(self.span)

    def __enter__(self) -> None:
        self._consumer = get_current()
        attach(self._inside)

    def __exit__(self, *_: object) -> None:
        self._inside = get_current()
        attach(self._consumer)

    def count(self) -> None:
        """The generator gave an item."""
        self._n_items += 1
        if self._n_items == 1 and self._opening.first_item is not None:
            _note(self.span, self._opening.first_item, time.monotonic() - self._begin)

    def end(self, error: BaseException | None) -> None:
        """The generator is done."""
        if self._opening.result is not None:
            _note(self.span, semconv.RESULT_ITEMS, self._n_items)
        end_span(self.span, error)


def _wrap_generator(
    function: Callable[..., Generator[Any, Any, Any]], opening: Opening
) -> Callable[..., Generator[Any, Any, Any]]:
    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = _Steps(opening, args, kwargs)
        error: BaseException | None = None
        try:
            with steps:
                generator = function(*args, **kwargs)
            step: Callable[[Any], Any] = generator.send
            value: Any = None
            while True:
                try:
                    with steps:
                        item = step(value)
                except StopIteration as end:
                    return end.value
                steps.count()
                try:
                    step, value = generator.send, (yield item)
                except GeneratorExit:
                    with steps:
                        generator.close()
                    raise
                except BaseException as thrown:
                    step, value = generator.throw, thrown
        except BaseException as left:
            error = left
            raise
        finally:
            steps.end(error)

    return traced


def _wrap_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], opening: Opening
) -> Callable[..., AsyncGenerator[Any, Any]]:
    @functools.wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = _Steps(opening, args, kwargs)
        error: BaseException | None = None
        try:
            with steps:
                generator = function(*args, **kwargs)
            step: Callable[[Any], Awaitable[Any]] = generator.asend
            value: Any = None
            while True:
                try:
                    with steps:
                        item = await step(value)
                except StopAsyncIteration:
                    return
                steps.count()
                try:
                    step, value = generator.asend, (yield item)
                except GeneratorExit:
                    with steps:
                        await generator.aclose()
                    raise
                except BaseException as thrown:
                    step, value = generator.athrow, thrown
        except BaseException as left:
            error = left
            raise
        finally:
            steps.end(error)

    return traced


@harmless
def _note_arguments(
    span: Span, recorder: Recorder, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> None:
    span.set_attributes(recorder(args, kwargs))


@harmless
def _note_result(span: Span, recorder: Recorder, value: object) -> None:
    span.set_attribute(semconv.RESULT, recorder.result(value))


@harmless
def _note(span: Span, key: str, value: float) -> None:
    span.set_attribute(key, value)

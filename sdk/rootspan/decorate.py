"""`@rootspan.trace`: a span around a function, whatever kind of function it is.

Owns which wrapper fits: plain, async, generator, async generator, static and class methods. The wrapper is
of the same kind as what it wraps (`inspect.iscoroutinefunction` and its siblings stay true) and has the
same type.

A span around a generator begins with its first step and ends with its last, however that comes about:
exhausted, closed, left by an exception. It is current inside the generator's own steps only, never in its
consumer.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Any, ParamSpec, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import Span, SpanKind

from rootspan import semconv
from rootspan.spans import ActiveSpan, AttributeValue, Kind, end_span, kind_of, start_span

P = ParamSpec("P")
R = TypeVar("R")
# The function's own type goes through unchanged: parameters, overloads, type variables.
FunctionT = TypeVar("FunctionT", bound="Callable[..., object] | classmethod[Any, ..., Any]")


@overload
def trace(function: FunctionT, /) -> FunctionT: ...
@overload
def trace(
    name: str | None = None,
    /,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: Kind = "internal",
) -> Tracing: ...
def trace(
    target: Any = None,
    /,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: Kind = "internal",
) -> Any:
    """Trace every call of a function: `@trace`, or `@trace("name", attributes={...}, kind="server")`.

    Args:
        target: The function, or the name of its spans; without a name they are called after the function.
        attributes: Attributes of every span.
        kind: Role of the span in a call.

    Returns:
        A function of the same kind and type.

    Raises:
        TypeError: What is decorated is no function.
        ValueError: There is no such kind.
    """
    if target is None or isinstance(target, str):
        return Tracing(target, kind_of(kind), attributes or {})
    return Tracing(None, kind_of(kind), attributes or {})(target)


class Tracing:
    """A decorator with its settings; what `@trace(...)` with arguments evaluates to."""

    def __init__(self, name: str | None, kind: SpanKind, attributes: Mapping[str, AttributeValue]) -> None:
        self._name, self._kind, self._attributes = name, kind, attributes

    def __call__(self, function: FunctionT, /) -> FunctionT:
        """Wrap a function, or the function within a static or class method."""
        if isinstance(function, (staticmethod, classmethod)):
            return cast("FunctionT", type(function)(self(function.__func__)))
        if inspect.isclass(function) or not callable(function):
            raise TypeError(
                f"@rootspan.trace is for functions and methods, not for {function!r}; decorate its methods"
            )
        qualified = getattr(function, "__qualname__", type(function).__qualname__)
        name = self._name or qualified.rpartition("<locals>.")[2]
        module = getattr(function, "__module__", None)
        attributes = {
            semconv.CODE_FUNCTION_NAME: f"{module}.{qualified}" if module else qualified,
            **self._attributes,
        }
        return cast("FunctionT", _wrap(function, _Opening(name, self._kind, attributes)))


class _Opening:
    """What a span of one decorated function begins with."""

    __slots__ = ("attributes", "kind", "name")

    def __init__(self, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]) -> None:
        self.name, self.kind, self.attributes = name, kind, attributes

    def scope(self) -> ActiveSpan:
        return ActiveSpan(self.name, self.kind, self.attributes)

    def start(self) -> Span:
        return start_span(self.name, self.kind, self.attributes, (), otel_context.get_current())


def _wrap(function: Callable[..., Any], opening: _Opening) -> Callable[..., Any]:
    # Async generators first: they are no coroutine functions, but a partial of one hides it from isgenerator.
    if inspect.isasyncgenfunction(function):
        return _wrap_async_generator(function, opening)
    if inspect.iscoroutinefunction(function):
        return _wrap_coroutine(cast("Callable[..., Awaitable[Any]]", function), opening)
    if inspect.isgeneratorfunction(function):
        return _wrap_generator(function, opening)
    return _wrap_function(function, opening)


def _wrap_function(function: Callable[P, R], opening: _Opening) -> Callable[P, R]:
    @functools.wraps(function)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        with opening.scope():
            return function(*args, **kwargs)

    return traced


def _wrap_coroutine(function: Callable[P, Awaitable[R]], opening: _Opening) -> Callable[P, Awaitable[R]]:
    @functools.wraps(function)
    async def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        with opening.scope():
            return await function(*args, **kwargs)

    return traced


class _Steps:
    """Makes a generator's own context current during its steps, and the consumer's again after each.

    A span opened inside the generator stays current from one step to the next, as it would without us.
    """

    __slots__ = ("_consumer", "_inside", "span")

    def __init__(self, opening: _Opening) -> None:
        self.span = opening.start()
        self._inside = otel_trace.set_span_in_context(self.span)

    def __enter__(self) -> None:
        self._consumer = otel_context.get_current()
        otel_context.attach(self._inside)

    def __exit__(self, *_: object) -> None:
        self._inside = otel_context.get_current()
        otel_context.attach(self._consumer)


def _wrap_generator(
    function: Callable[..., Generator[Any, Any, Any]], opening: _Opening
) -> Callable[..., Generator[Any, Any, Any]]:
    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = _Steps(opening)
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
            end_span(steps.span, error)

    return traced


def _wrap_async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], opening: _Opening
) -> Callable[..., AsyncGenerator[Any, Any]]:
    @functools.wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = _Steps(opening)
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
            end_span(steps.span, error)

    return traced

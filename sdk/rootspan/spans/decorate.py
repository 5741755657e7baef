"""`@rootspan.trace` and `@rootspan.infer`: what callers say of the spans around their functions.

Owns names, attributes, and what happens to classes, static and class methods. `wrappers` does the wrapping.
The type of what is decorated goes through unchanged, for mypy and pyright alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast, overload

from opentelemetry.trace import SpanKind

from rootspan import semconv
from rootspan.config.settings import AttributeValue
from rootspan.spans.scope import Kind, kind_of
from rootspan.spans.values import Recorder
from rootspan.spans.wrappers import Opening, wrap

# The function's own type goes through unchanged: parameters, overloads, type variables.
FunctionT = TypeVar("FunctionT", bound="Callable[..., object] | classmethod[Any, ..., Any]")
_MARK = "__rootspan_traced__"


@overload
def trace(target: FunctionT, /) -> FunctionT: ...
@overload
def trace(
    target: str | None = None,
    /,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: Kind = "internal",
    arguments: bool | Sequence[str] = False,
    result: bool = False,
    redact: Sequence[str] = (),
) -> Tracing: ...
def trace(
    target: Any = None,
    /,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: Kind = "internal",
    arguments: bool | Sequence[str] = False,
    result: bool = False,
    redact: Sequence[str] = (),
) -> Any:
    """Trace every call of a function: `@trace`, or `@trace("name", attributes={...}, kind="server")`.

    On a class it traces the public methods that the class itself defines, and `__call__`.

    Args:
        target: The function or class, or the name of its spans; without a name they are called after the
            function.
        attributes: Attributes of every span.
        kind: Role of the span in a call.
        arguments: Record arguments as `rootspan.argument.<name>`: True for all, or the names of some. Values
            are cut to 1024 characters; tensors and objects are told by type and shape, never printed; what
            sounds like a secret is redacted.
        result: Record the result as `rootspan.result`, under the same rules; of a generator the number of
            its items, as `rootspan.result.items`.
        redact: More parameters and keys to redact.

    Returns:
        A function of the same kind and type; a class is changed in place and returned.

    Raises:
        TypeError: What is decorated is no function and no class.
        ValueError: There is no such kind, or the function has no such parameter.
    """
    name = target if isinstance(target, str) else None
    tracing = Tracing(
        name, kind_of(kind), attributes or {}, arguments=arguments, result=result, redact=redact
    )
    return tracing if target is None or name is not None else tracing(target)


@overload
def infer(target: FunctionT, /) -> FunctionT: ...
@overload
def infer(
    target: str | None = None,
    /,
    *,
    model: str | None = None,
    provider: str | None = None,
    operation: str = "inference",
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: Kind = "internal",
    arguments: bool | Sequence[str] = False,
    result: bool = False,
    redact: Sequence[str] = (),
) -> Tracing: ...
def infer(
    target: Any = None,
    /,
    *,
    model: str | None = None,
    provider: str | None = None,
    operation: str = "inference",
    attributes: Mapping[str, AttributeValue] | None = None,
    kind: Kind = "internal",
    arguments: bool | Sequence[str] = False,
    result: bool = False,
    redact: Sequence[str] = (),
) -> Any:
    """Trace every run of a model, with OpenTelemetry's `gen_ai.*` attributes.

    The span is called `{operation} {model}`. Around a generator, as of streamed tokens, it gets
    `gen_ai.response.time_to_first_chunk` in seconds. Token counts come from `rootspan.set_usage`.

    Args:
        target: The function or class, or the name of its spans.
        model: `gen_ai.request.model`.
        provider: `gen_ai.provider.name`.
        operation: `gen_ai.operation.name`: "chat", "text_completion", "embeddings", or a word of your own.
        attributes: More attributes of every span.
        kind: Role of the span in a call; "client" where the model runs elsewhere.
        arguments: As `trace` has it.
        result: As `trace` has it.
        redact: As `trace` has it.

    Returns:
        A function of the same kind and type.

    Raises:
        TypeError: What is decorated is no function and no class.
        ValueError: There is no such kind, or the function has no such parameter.
    """
    given = {
        semconv.GEN_AI_OPERATION: operation,
        semconv.GEN_AI_REQUEST_MODEL: model,
        semconv.GEN_AI_PROVIDER: provider,
        **(attributes or {}),
    }
    known = {key: value for key, value in given.items() if value is not None}
    tracing = Tracing(
        target if isinstance(target, str) else f"{operation} {model}" if model else None,
        kind_of(kind),
        known,
        arguments=arguments,
        result=result,
        redact=redact,
        first_item=semconv.GEN_AI_TIME_TO_FIRST_CHUNK,
    )
    return tracing if target is None or isinstance(target, str) else tracing(target)


class Tracing:
    """A decorator with its settings; what `@trace(...)` with arguments evaluates to."""

    def __init__(
        self,
        name: str | None,
        kind: SpanKind,
        attributes: Mapping[str, AttributeValue],
        *,
        arguments: bool | Sequence[str] = False,
        result: bool = False,
        redact: Sequence[str] = (),
        first_item: str | None = None,
    ) -> None:
        for setting, names in (("arguments", arguments), ("redact", redact)):
            if isinstance(names, str):
                raise ValueError(f"{setting} is {names!r}: give a list of names, {setting}=[{names!r}]")
        self._name, self._kind, self._attributes = name, kind, attributes
        self._arguments, self._result, self._redact = arguments, result, redact
        self._first_item = first_item

    def __call__(self, function: FunctionT, /) -> FunctionT:
        """Wrap a function, the function within a static or class method, or the methods of a class."""
        if isinstance(function, (staticmethod, classmethod)):
            return cast("FunctionT", type(function)(self(function.__func__)))
        if inspect.isclass(function):
            self._methods_of(function)
            return function
        if not callable(function):
            raise TypeError(f"@rootspan.trace is for functions, methods and classes, not for {function!r}")
        traced = wrap(function, self._opening(function))
        setattr(traced, _MARK, True)
        return cast("FunctionT", traced)

    def _methods_of(self, owner: type) -> None:
        for name, member in list(vars(owner).items()):
            inner = getattr(member, "__func__", member)
            if (name.startswith("_") and name != "__call__") or not inspect.isfunction(inner):
                continue
            if not getattr(inner, _MARK, False):
                own = f"{self._name}.{name}" if self._name else None
                setattr(owner, name, self._named(own)(member))

    def _named(self, name: str | None) -> Tracing:
        return Tracing(
            name,
            self._kind,
            self._attributes,
            arguments=self._arguments,
            result=self._result,
            redact=self._redact,
            first_item=self._first_item,
        )

    def _opening(self, function: Callable[..., Any]) -> Opening:
        qualified = getattr(function, "__qualname__", type(function).__qualname__)
        module = getattr(function, "__module__", None)
        source = f"{module}.{qualified}" if module else qualified
        names = None if isinstance(self._arguments, bool) else self._arguments
        return Opening(
            name=self._name or qualified.rpartition("<locals>.")[2],
            kind=self._kind,
            attributes={semconv.CODE_FUNCTION_NAME: source, **self._attributes},
            arguments=Recorder(function, names, self._redact) if self._arguments else None,
            result=Recorder(function, (), self._redact) if self._result else None,
            first_item=self._first_item,
        )

"""The loop of a trainer: `train_step`, and the wait for data around it.

Owns how a step gets its number and how it begins and ends.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import count
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, cast, overload

from rootspan import semconv
from rootspan.spans.scope import AttributeValue
from rootspan.training.phases import Phase
from rootspan.training.recorder import recorder
from rootspan.training.step import Step

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
ItemT = TypeVar("ItemT")
_END = object()
_STEP_PARAMETERS = ("step", "global_step", "step_number")


class RunningStep(Protocol):
    """A step while it lasts."""

    def record(
        self, *, loss: float | None = None, grad_norm: float | None = None, tokens: int | None = None
    ) -> None:
        """Put numbers that you have on the step.

        They must be plain numbers: a tensor would have to be waited for. `tokens` is what this rank trained
        on in this step; tokens per second follow from it.
        """


class StepScope(Protocol):
    """Context manager around one step; it yields the step."""

    def __enter__(self) -> RunningStep:
        """Begin the step."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """End the step; an exception goes on."""


class StepDecorator(Protocol):
    """What `@train_step(first=...)` evaluates to."""

    def __call__(self, function: FunctionT, /) -> FunctionT:
        """Have every call of a function be a step."""


@overload
def train_step(function: FunctionT, /) -> FunctionT: ...
@overload
def train_step(number: int, /, **attributes: AttributeValue) -> StepScope: ...
@overload
def train_step(*, first: int = 0) -> StepDecorator: ...
def train_step(target: Any = None, /, *, first: Any = 0, **attributes: Any) -> Any:
    """One step of training, on this rank: `with train_step(step):`, or `@train_step` on a function.

    All ranks' steps of one number are one trace, so every rank must number alike: after a restart from a
    checkpoint go on with the checkpoint's number. A decorated function is numbered by its parameter `step` or
    `global_step` where it has one, otherwise by counting calls from `first`.

    Args:
        target: The step's number, or the function.
        first: Number of the first call of the decorated function.
        **attributes: More attributes of the step's span.

    Raises:
        TypeError: What is decorated is no plain function.
    """
    if isinstance(target, int):
        return _StepScope(target, attributes)
    decorator = functools.partial(_decorate, first=first)
    return decorator if target is None else decorator(target)


def batches(loader: Iterable[ItemT]) -> Batches[ItemT]:
    """Iterate over a data loader and count the time waited for each batch.

    The wait belongs to the step that follows (which then begins with it), or to the step that it happens in,
    as the phase "data".
    """
    return Batches(loader)


class Batches(Generic[ItemT]):
    """A data loader whose waits are counted; has the loader's length where that has one."""

    def __init__(self, loader: Iterable[ItemT]) -> None:
        self._loader = loader

    def __len__(self) -> int:
        """The loader's length."""
        return len(cast("Sized", self._loader))

    def __iter__(self) -> Iterator[ItemT]:
        """Iterate once over the loader."""
        now = recorder()
        start_ns = time.time_ns()
        iterator = iter(self._loader)  # starts a DataLoader's workers: part of the first wait
        while True:
            step = now.step
            if step is not None and step.thread == threading.get_ident():
                with Phase("data", None, {}):
                    item = next(iterator, _END)
            else:
                item = next(iterator, _END)
                if item is not _END:
                    now.waited_for_data(start_ns, time.time_ns())
            if item is _END:
                return
            yield cast("ItemT", item)
            start_ns = time.time_ns()


class _StepScope:
    """The scope behind `train_step(number)`."""

    __slots__ = ("_attributes", "_number", "_step")

    def __init__(self, number: int, attributes: Mapping[str, AttributeValue]) -> None:
        self._number, self._attributes = number, attributes

    def __enter__(self) -> RunningStep:
        """Begin the step."""
        self._step: Step = recorder().begin(self._number, self._attributes)
        return _Running(self._step)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None, /
    ) -> None:
        """End the step; an exception goes on."""
        recorder().end(self._step, error)


class _Running:
    """The step as its program sees it."""

    __slots__ = ("_step",)

    def __init__(self, step: Step) -> None:
        self._step = step

    def record(
        self, *, loss: float | None = None, grad_norm: float | None = None, tokens: int | None = None
    ) -> None:
        """Put numbers on the step."""
        if loss is not None:
            self._step.span.set_attribute(semconv.TRAINING_LOSS, float(loss))
        if grad_norm is not None:
            self._step.span.set_attribute(semconv.TRAINING_GRAD_NORM, float(grad_norm))
        if tokens is not None:
            self._step.tokens = tokens


def _decorate(function: FunctionT, *, first: int) -> FunctionT:
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise TypeError(f"@rootspan.train_step is for plain functions and methods, not for {function!r}")
    parameters = inspect.signature(function)
    named = next((name for name in _STEP_PARAMETERS if name in parameters.parameters), None)
    counted = count(first)

    def number_of(args: tuple[object, ...], kwargs: Mapping[str, object]) -> int:
        if named is None:
            return next(counted)
        try:
            bound = parameters.bind(*args, **kwargs)
        except TypeError:
            return next(counted)  # the call itself will raise, in the program's own words
        bound.apply_defaults()
        value = bound.arguments[named]
        return value if isinstance(value, int) else next(counted)

    @functools.wraps(function)
    def stepping(*args: Any, **kwargs: Any) -> Any:
        with _StepScope(number_of(args, kwargs), {}):
            return function(*args, **kwargs)

    return cast("FunctionT", stepping)

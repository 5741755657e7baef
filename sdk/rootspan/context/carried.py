"""Takes the current span along to where a function will run: another thread, executor or process.

Owns the callable that does so. Within the process the context goes along as it is; pickled, it goes as W3C
headers, so that what arrives in a spawned worker still knows its parent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from rootspan.context.propagation import extract, inject

P = ParamSpec("P")
R = TypeVar("R")


def carry(function: Callable[P, R]) -> Carried[P, R]:
    """A callable that runs `function` in the context of now, wherever and however often it is called.

    `Thread(target=carry(work))`, `executor.submit(carry(work), 7)`, `pool.map(carry(work), items)`,
    `loop.run_in_executor(None, carry(work))`: the result pickles whenever `function` does. Coroutine
    functions need no carrying: asyncio's tasks inherit the context.
    """
    return Carried(function, otel_context.get_current())


class Carried(Generic[P, R]):
    """A function with the context it runs in."""

    def __init__(self, function: Callable[P, R], context: Context) -> None:
        self._function, self._context = function, context
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in its context; the thread has its own again afterwards."""
        # By value, not by token: what the function leaves behind in a generator may end elsewhere.
        previous = otel_context.get_current()
        otel_context.attach(self._context)
        try:
            return self._function(*args, **kwargs)
        finally:
            otel_context.attach(previous)

    def __reduce__(self) -> tuple[object, ...]:
        """As the function and W3C headers."""
        return _arrive, (self._function, dict(inject(context=self._context)))


def _arrive(function: Callable[P, R], headers: dict[str, str]) -> Carried[P, R]:
    return Carried(function, extract(headers))

"""Has every thread and every task of a thread pool run in the context it was started from.

Owns the two places where Python starts them. Asyncio needs none of this: its tasks inherit their context, and
`run_in_executor` goes through the thread pool.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from opentelemetry import context as otel_context

from rootspan.context.carried import carry


def install() -> None:
    """Carry the context into threads and pool tasks that start from now on."""
    start: Callable[[threading.Thread], None] = threading.Thread.start
    submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

    @functools.wraps(start)
    def carrying_start(self: threading.Thread) -> None:
        # An empty context is what a new thread has anyway; most threads at the start of a program have it.
        if otel_context.get_current():
            self.run = carry(self.run)  # type: ignore[method-assign]
        start(self)

    @functools.wraps(submit)
    def carrying_submit(
        self: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        if otel_context.get_current():
            function = carry(function)
        return submit(self, function, *args, **kwargs)

    setattr(threading.Thread, "start", carrying_start)  # noqa: B010 - a method may not be assigned
    setattr(ThreadPoolExecutor, "submit", carrying_submit)  # noqa: B010

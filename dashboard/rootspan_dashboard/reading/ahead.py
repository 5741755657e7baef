"""Asks several questions of a page at once, before the page comes to each of them.

Owns the threads that ask; the answers lie where `ask` keeps them.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from rootspan_dashboard.reading.connection import ask
from rootspan_store.errors import StoreError

__all__ = ["Ahead", "ahead", "ask_ahead", "run_ahead"]

AT_ONCE: Final = 4
"""Questions asked ahead of all viewers' pages at the same time."""
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Ahead:
    """A question that a page is about to ask with these very arguments."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


def ahead(function: "Callable[Concatenate[Any, P], R]", *args: P.args, **kwargs: P.kwargs) -> Ahead:
    """What `ask` with the same arguments would ask."""
    return Ahead(function, args, kwargs)


def ask_ahead(*questions: Ahead) -> None:
    """Begin to ask several at once and return: the page's own `ask` finds the answer, or waits for it.

    What fails here is asked again there, and told there.
    """
    for one in questions:
        run_ahead(ask, one.function, *one.arguments, **one.named)


def run_ahead(function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Begin to run what asks questions of which one needs another's answer, and return.

    Args:
        function: Reads nothing of the page's address: it runs in a thread of its own.
    """
    context = get_script_run_ctx()

    def run() -> None:
        add_script_run_ctx(threading.current_thread(), context)
        try:
            function(*args, **kwargs)
        except StoreError:
            return
        finally:
            add_script_run_ctx(threading.current_thread(), None)

    _pool().submit(run)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ahead")

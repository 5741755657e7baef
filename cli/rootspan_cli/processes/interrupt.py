"""Turns the first Ctrl-C or SIGTERM into an exception; further ones cannot cut the orderly stop short."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "interruptible"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked this process to end. A BaseException: no handler of errors may swallow it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block (main thread only) the first signal raises `Interrupted`; later ones do nothing."""

    def once(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    before = {number: signal.signal(number, once) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Waits for SIGTERM or SIGINT in the main thread.

Through a pipe that the interpreter's own C handler writes to, not a `threading.Event`: a Python handler runs
in the thread that waits, so `Event.set` would wait for the lock that `Event.wait` may hold at that moment,
for ever; and it would not run at all if the kernel gave the signal to another thread while this one is
blocked.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["StopSignal", "catching_stop_signals"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Made by `catching_stop_signals`."""

    def __init__(self, read_fd: int) -> None:
        self._read_fd = read_fd

    def wait(self) -> None:
        """Return once one of the two has come; at once if it came before."""
        while os.read(self._read_fd, 1)[0] not in _SIGNALS:
            pass  # another signal that somebody else handles


def _note(_number: int, _frame: object) -> None:
    """Do nothing: the byte in the pipe says it. Without a handler the signal would end the process."""


@contextmanager
def catching_stop_signals() -> Iterator[StopSignal]:
    """Catch both signals until the end of the block, then put the former handlers back. Main thread only."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)

    former_fd = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    former = {number: signal.signal(number, _note) for number in _SIGNALS}
    try:
        yield StopSignal(read_fd)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_fd)
        os.close(read_fd)
        os.close(write_fd)

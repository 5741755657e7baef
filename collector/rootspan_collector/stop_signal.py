"""Waits for SIGTERM or SIGINT in the main thread.

Through a pipe, not a `threading.Event`: a handler runs in the thread that waits, and `Event.set` would wait
for the lock that `Event.wait` may hold at that moment, for ever.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["StopSignal", "catching_stop_signals"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Made by `catching_stop_signals`."""

    def __init__(self, read_fd: int) -> None:
        self._read_fd = read_fd

    def wait(self) -> None:
        """Return once a signal has come; at once if it came before."""
        os.read(self._read_fd, 1)


@contextmanager
def catching_stop_signals() -> Iterator[StopSignal]:
    """Catch both signals until the end of the block, then put the former handlers back. Main thread only."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)

    def note(_number: int, _frame: object) -> None:
        with suppress(BlockingIOError):  # thousands of signals wait there already
            os.write(write_fd, b"!")

    former = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield StopSignal(read_fd)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(read_fd)
        os.close(write_fd)

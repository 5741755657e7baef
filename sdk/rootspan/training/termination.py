"""Delivers telemetry when a launcher ends this rank by SIGTERM, then lets the signal do what it always did.

torchrun ends all ranks this way when one dies: the moment whose telemetry matters most. Python runs signal
handlers between the instructions of the main thread, which may be waiting inside a collective for the dead
rank; so the signal is also noticed by a thread, through the wakeup descriptor. Owns both, and refuses to
touch a signal that the program handles itself.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

FLUSH_WITHIN_S = 6.5
"""torchrun waits 30 s before it kills, Slurm and Kubernetes 30 s too unless told otherwise."""


_exiting, _ending = threading.Event(), threading.Event()


def _note_exit() -> None:
    """Say that the process ends by itself from here on: what delivers at exit must not be cut short."""
    _exiting.set()
    if _ending.is_set():
        time.sleep(FLUSH_WITHIN_S)  # the other thread delivers, and then ends the process


def install(deliver: Callable[[], object]) -> bool:
    """Have SIGTERM call `deliver` once, at most for some seconds, and then end the process as it always did.

    Returns:
        False where nothing was changed: the program has a handler, or this is not its main thread.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return False
    ending = _Ending(deliver)
    atexit.register(_note_exit)  # after init()'s handler, so it runs before it
    signal.signal(signal.SIGTERM, ending.handle)
    with contextlib.suppress(ValueError, OSError):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if previous != -1:  # an event loop has it; the handler above remains
            signal.set_wakeup_fd(previous)
            os.close(reader)
            os.close(writer)
        else:
            threading.Thread(
                target=ending.watch, args=(reader,), name="rootspan-sigterm", daemon=True
            ).start()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_restore_in_child)
    return True


class _Ending:
    def __init__(self, deliver: Callable[[], object]) -> None:
        self._deliver, self._once = deliver, threading.Lock()

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        if _exiting.is_set():
            return  # the exit goes on, and the other thread sees that it ends
        # Where the other thread is at it already, the program goes on for its last moments: what failed in a
        # collective is only now about to be raised.
        self.end()

    def watch(self, reader: int) -> None:
        while byte := os.read(reader, 1):
            if byte[0] == signal.SIGTERM:
                self.end()

    def end(self) -> None:
        if not self._once.acquire(blocking=False):
            return  # the other thread is at it
        if _exiting.is_set():
            time.sleep(FLUSH_WITHIN_S)
        else:
            _ending.set()
            # On a thread of its own: the interrupted code may hold a lock that delivering needs.
            delivering = threading.Thread(target=self._safely, name="rootspan-flush", daemon=True)
            delivering.start()
            delivering.join(FLUSH_WITHIN_S)
        import ctypes

        # signal.signal() is for the main thread alone, and that may be the one that waits.
        ctypes.CDLL(None).signal(int(signal.SIGTERM), 0)
        os.kill(os.getpid(), signal.SIGTERM)

    def _safely(self) -> None:
        with contextlib.suppress(Exception):
            self._deliver()


_held = threading.local()


def _hold() -> None:
    # A child that gets SIGTERM before it is itself would write it into its parent's pipe, and end the parent.
    _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _held.mask)


def _restore_in_child() -> None:
    # A data loader's worker must die of its own signals, and must not report them to its parent's thread.
    with contextlib.suppress(ValueError, OSError):
        signal.set_wakeup_fd(-1)
        if isinstance(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), _Ending):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _release()

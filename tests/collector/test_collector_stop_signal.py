"""A stop signal is never lost and never a deadlock, whenever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from rootspan_collector.stop_signal import catching_stop_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_came_before_the_wait_ends_it(number: signal.Signals) -> None:
    with catching_stop_signals() as stop:
        os.kill(os.getpid(), number)
        stop.wait()


def test_a_signal_that_comes_during_the_wait_ends_it() -> None:
    with catching_stop_signals() as stop:
        # In case the moment comes too late.
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        stop.wait()
        timer.join()


def test_the_former_handlers_are_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with catching_stop_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


_PROGRAM = """
import os, signal, sys, threading
from rootspan_collector.stop_signal import catching_stop_signals

def interrupted_at(moment):
    count = 0
    def trace(frame, event, argument):
        nonlocal count
        count += 1
        if count == moment:
            signal.raise_signal(signal.SIGTERM)
        return trace
    with catching_stop_signals() as stop:
        # In case the moment comes too late.
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        sys.settrace(trace)
        stop.wait()
        sys.settrace(None)
        timer.join()
    return count

moments = interrupted_at(0)
for moment in range(1, moments + 1):
    interrupted_at(moment)
print(moments)
"""


def test_a_signal_at_any_line_on_the_way_into_the_wait_is_noticed() -> None:
    # `threading.Event` hangs here: its `set` meets the lock that its `wait` holds.
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert int(done.stdout) > 1


def test_a_signal_that_another_thread_receives_is_noticed() -> None:
    with catching_stop_signals() as stop:
        thread = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
        thread.start()
        stop.wait()
        thread.join()

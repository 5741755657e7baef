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
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        stop.wait()
        timer.join()


def test_the_former_handlers_are_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with catching_stop_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_signals_at_every_moment_of_entering_the_wait_are_noticed() -> None:
    # A storm hits the few instructions between "about to wait" and "waiting", where a lock would be held.
    program = """
import os, signal, threading
from rootspan_collector.stop_signal import catching_stop_signals
for _ in range(300):
    with catching_stop_signals() as stop:
        done = threading.Event()
        def storm():
            while not done.is_set():
                os.kill(os.getpid(), signal.SIGTERM)
        thread = threading.Thread(target=storm)
        thread.start()
        stop.wait()
        done.set()
        thread.join()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

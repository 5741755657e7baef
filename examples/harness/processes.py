"""Starts the processes of an example, waits until each serves, and stops them again.

Owns the protocol of one line each way: a process prints `{"port": …}` when it serves, and on SIGTERM what it
delivered. Whatever happens, none is left behind: a process that speaks the protocol holds a lifeline to its
parent, and the kernel ends foreign programs with theirs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import rootspan
from rootspan_cli.processes.lifeline import LIFELINE_ENV, hold

STOP_WITHIN_S = 15.0
_HELD = {signal.SIGTERM, signal.SIGUSR1}
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Report:
    """What a process said when it stopped."""

    pid: int
    exit_code: int
    sent: Mapping[str, int]
    dropped: int


def bound(command: Sequence[str], *, by: str = "TERM") -> list[str]:
    """The command line of a foreign program that gets a signal when its parent is gone, in whatever way.

    Linux counts the *thread* that starts it as its parent: to be started by one that outlives it.
    """
    return ["setpriv", "--pdeathsig", by, "--", *command]


class Served:
    """A process that serves on a port of loopback.

    Args:
        module, argument: As for `python -m`.
        environment: Further variables.
        apart: Whether it is in a session of its own, as a container is.
    """

    def __init__(
        self, module: str, argument: str, *, environment: Mapping[str, str] = {}, apart: bool = False
    ) -> None:
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self.name = module
        self.port = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, argument],
            env={**os.environ, **environment, "PYTHONPATH": path, LIFELINE_ENV: "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=apart,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_until_serving(self) -> None:
        """Return once it serves.

        Raises:
            RuntimeError: It ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended before it served; see its messages above")
        self.port = int(json.loads(line)["port"])

    def begin_fault(self) -> None:
        """Have it break in the way it was told at its start."""
        self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> Report:
        """End it as a power cut does: it says and delivers nothing more."""
        self._process.kill()
        self._process.communicate()
        return Report(self._process.pid, self._process.returncode, {}, 0)

    def begin_stop(self) -> None:
        """Ask it to end, without waiting."""
        self._process.terminate()

    def stop(self) -> Report:
        """Wait until it has ended; kill it when it does not."""
        self.begin_stop()
        try:
            out, _ = self._process.communicate(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, _ = self._process.communicate()
        said = json.loads(out.splitlines()[-1]) if out.strip() else {}
        process = self._process
        return Report(process.pid, process.returncode, said.get("sent", {}), said.get("dropped", 0))


def serve_until_stopped(
    start: Callable[[], tuple[int, Callable[[], object]]], begin_fault: Callable[[], object] | None = None
) -> None:
    """The other side: serve, say where, and on SIGTERM stop and say what was delivered.

    Args:
        start: Starts serving; returns the port, and how to stop.
        begin_fault: Called when the process is to break; None where it cannot.
    """
    port, stop = start()
    print(json.dumps({"port": port}), flush=True)
    while signal.sigwait(_HELD) != signal.SIGTERM:
        if begin_fault is not None:
            begin_fault()
    stop()
    delivery = rootspan.shutdown()
    print(json.dumps({"sent": delivery.sent, "dropped": delivery.n_dropped}), flush=True)


def hold_signals() -> None:
    """Keep signals for `serve_until_stopped`, and SIGINT for the parent; end when that is gone. Called first.

    Blocked here, in all threads to come, and waited for later: a handler may be left unrun while the main
    thread waits, when the kernel gives the signal to one of gRPC's threads.
    """
    assert threading.current_thread() is threading.main_thread()
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    hold()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

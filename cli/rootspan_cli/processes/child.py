"""One running part: a process in a session of its own, its log, and its end.

Owns the process and its group. Decides nothing about restarts.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rootspan_cli.processes.lifeline import LIFELINE_ENV
from rootspan_cli.processes.part import Part

__all__ = ["Child", "exit_words", "tail"]

_POLL_S: Final = 0.02
_TAIL_BYTES: Final = 16 * 1024


class Child:
    """Starts `part` when made."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.started_s = time.monotonic()
        part.log.parent.mkdir(parents=True, exist_ok=True)
        with open(part.log, "ab") as log:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                part.command,
                # The lifeline: never written to, closed by the kernel when this process ends.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **part.environment, LIFELINE_ENV: "1"},
                # A terminal's Ctrl-C must not reach the part: it is stopped in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process, which leads its group."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """None while it runs; negative: the signal that ended it. Leaves the reaping to `stop`."""
        if self._process.returncode is not None:
            return self._process.returncode
        # Not reaped yet, so that its number cannot be reused before its group is ended.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def stop(self, timeout_s: float) -> bool:
        """End the part and what it started: SIGTERM, after `timeout_s` SIGKILL. False: it was killed."""
        if self._process.returncode is not None:
            return True
        deadline_s = time.monotonic() + timeout_s
        if self.exit_status() is None:
            os.kill(self.pid, signal.SIGTERM)
        while (status := self.exit_status()) is None and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return status is not None

    def wait_ready(self, deadline_s: float) -> bool:
        """Wait until the probe says so. False: it ended, or `deadline_s` (monotonic) has passed."""
        while self.exit_status() is None and time.monotonic() < deadline_s:
            if self.part.probe.is_ready():
                return True
            time.sleep(_POLL_S)
        return False


def exit_words(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "is still running"
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"ended with exit status {status}"


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a part's log; empty if there is none."""
    try:
        with open(log, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]

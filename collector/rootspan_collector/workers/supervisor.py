"""Starts the workers of a collector, starts again those that die, and stops them together.

The ports are taken here first, so that a free one can be asked for and one that is taken is told at once;
then each worker listens on the same (SO_REUSEPORT), and the kernel deals connections out. No worker
listens before all have read their logs: until then nobody knows which requests are durable.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

from rootspan_collector.errors import ConfigurationError, LogLocked
from rootspan_collector.settings import CollectorSettings
from rootspan_collector.workers.crew import Crew

__all__ = ["Supervisor"]

_LOG = logging.getLogger(__name__)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.2, 30.0
# One that ran for so long before it died is started again without delay.
_WELL_AFTER_S = 60.0
_KILL_AFTER_S = 15.0


class Supervisor:
    """The workers of one collector: started and ready when this is made.

    Raises:
        ConfigurationError: They cannot start; the message says what to change.
    """

    def __init__(self, settings: CollectorSettings) -> None:
        self._grace_s = settings.collector_stop_grace_s
        self._crew = Crew(settings.collector_wal, 0, settings.collector_workers)
        self._lock_fd = self._take_folder()
        self._ports: list[socket.socket] = []
        self._stopping = threading.Event()
        self._workers: list[_Worker] = []
        try:
            self.grpc_address = self._reserve(settings.grpc_listen, "ROOTSPAN_COLLECTOR_GRPC")
            listen = settings.http_listen
            self.http_address = self._reserve(listen, "ROOTSPAN_COLLECTOR_HTTP") if listen else None
            told = _told(settings) | {
                "collector_grpc": self.grpc_address,
                "collector_http": self.http_address or "",
                "collector_reuse_port": True,
            }
            for number in range(self._crew.total):
                self._workers.append(_Worker(number, self._crew.total, told, self._lock_fd, self._stopping))
            for worker in self._workers:
                worker.launch()
            for worker in self._workers:
                worker.wait_recovered()
            for worker in self._workers:
                worker.let_go()
        except BaseException:
            self.stop()
            raise
        for worker in self._workers:
            worker.watch()

    def _take_folder(self) -> int:
        folder = self._crew.root / "workers"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        except OSError as err:
            raise ConfigurationError(
                f"log folder {folder} cannot be used: {err.strerror}; choose another with "
                "ROOTSPAN_COLLECTOR_WAL"
            ) from err
        try:
            # The workers inherit it: the folder is free when the last of them has ended.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._crew.make_shared()
        except BlockingIOError as err:
            os.close(fd)
            raise LogLocked(
                f"log folder {self._crew.root} belongs to the workers of another collector; stop that one, "
                "or give this one its own folder with ROOTSPAN_COLLECTOR_WAL"
            ) from err
        except OSError as err:
            os.close(fd)
            raise ConfigurationError(f"{self._crew.shared} cannot be made: {err.strerror}") from err
        return fd

    def _reserve(self, listen: tuple[str, int], variable: str) -> str:
        """Take an address without listening on it; return it with the port that it has."""
        host, port = listen
        taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._ports.append(taken)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind((host, port))
        except OSError as err:
            raise ConfigurationError(
                f"cannot listen on {host}:{port}: {err.strerror}; stop what listens there, or set {variable}"
            ) from err
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:{taken.getsockname()[1]}"

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers, by their numbers."""
        return tuple(worker.pid for worker in self._workers)

    def stop(self) -> None:
        """Stop all; return when they have ended. Those that take longer than their grace time are killed."""
        self._stopping.set()
        for worker in self._workers:
            worker.ask_to_stop()
        deadline_s = time.monotonic() + self._grace_s + _KILL_AFTER_S
        for worker in self._workers:
            worker.end(deadline_s)
        for port in self._ports:
            port.close()
        os.close(self._lock_fd)


class _Worker:
    """One worker: its process, and the one after it."""

    def __init__(
        self, number: int, total: int, told: dict[str, object], lock_fd: int, stopping: threading.Event
    ) -> None:
        self._number = number
        first = {"number": number, "total": total, "settings": told}
        self._first_line = json.dumps(first).encode() + b"\n"
        self._lock_fd = lock_fd
        self._stopping = stopping
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name=f"worker-{number}", daemon=True)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def launch(self) -> None:
        """Start the process and tell it who it is."""
        with self._starting:
            if self._stopping.is_set():
                raise ConfigurationError("the collector is stopping")
            # A session of its own: Ctrl-C in a terminal is for the supervisor, who stops them in order.
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "rootspan_collector.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._lock_fd,),
                start_new_session=True,
            )
        with suppress(BrokenPipeError, ValueError):
            process.stdin.write(self._first_line)  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]

    def wait_recovered(self) -> None:
        """Return once its log is read. Raises ConfigurationError with its words if it ends instead."""
        self._expect("recovered")

    def let_go(self) -> None:
        """Let it listen; return once it does. Raises ConfigurationError if it ends instead."""
        with suppress(BrokenPipeError, ValueError):  # it has died, or was told to stop
            self._process.stdin.write(b"go\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
        self._expect("ready")

    def _expect(self, word: str) -> None:
        said: dict[str, object] = {}
        with suppress(ValueError):
            said = json.loads(self._process.stdout.readline() or b"{}")  # type: ignore[union-attr]
        if word not in said:
            reason = said.get("error", "it ended before it was ready; see its log")
            raise ConfigurationError(f"worker {self._number}: {reason}")

    def watch(self) -> None:
        """From now on, start it again whenever it dies."""
        self._thread.start()

    def _watch(self) -> None:
        delay_s, began_s = _FIRST_DELAY_S, time.monotonic()
        while True:
            status = self._process.wait()  # type: ignore[union-attr]
            self._close()
            if self._stopping.is_set():
                return
            if time.monotonic() - began_s > _WELL_AFTER_S:
                delay_s = _FIRST_DELAY_S
            _LOG.error(
                "worker %d ended with status %d; starting it again in %g s", self._number, status, delay_s
            )
            if self._stopping.wait(delay_s):
                return
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
            began_s = time.monotonic()
            try:
                self.launch()
                self.wait_recovered()
                self.let_go()
            except ConfigurationError as err:
                _LOG.error("%s", err)
            else:
                _LOG.info("worker %d is back, pid %d", self._number, self.pid)

    def ask_to_stop(self) -> None:
        """Tell it to stop; return at once."""
        with self._starting:
            process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()

    def end(self, deadline_s: float) -> None:
        """Return when it has ended; it is killed if it has not until then."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            _LOG.error("worker %d did not stop in time; killed: its log has what is left", self._number)
            process.kill()
            process.wait()
        if self._thread.ident is not None:
            self._thread.join()
        self._close()

    def _close(self) -> None:
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()


def _told(settings: CollectorSettings) -> dict[str, object]:
    """The settings as JSON has them, secrets in full: they go through a pipe, and no further."""
    told: dict[str, object] = settings.model_dump(mode="json", exclude_none=True)
    if settings.rules_key is not None:
        told["rules_key"] = settings.rules_key.get_secret_value()
    return told

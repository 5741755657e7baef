"""The real store and collector as processes.

Started, waited for, stopped or killed, always by their own pid.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rootspan_cli.processes.ports import free_port

__all__ = ["CollectorProcess", "Process", "StoreProcess", "wait_moving", "wait_until"]

_START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def wait_until(is_true: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Poll until `is_true`. Raises TimeoutError that says `what` was waited for."""
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.02)


def wait_moving(
    is_true: Callable[[], bool], progress: Callable[[], object], *, stall_s: float, what: str
) -> None:
    """Poll until `is_true`, however long it takes, as long as `progress` changes.

    Raises:
        TimeoutError: `progress` stayed as it was for `stall_s`; the message says `what` was waited for.
    """
    seen, since_s = progress(), time.monotonic()
    while not is_true():
        if (now := progress()) != seen:
            seen, since_s = now, time.monotonic()
        elif time.monotonic() - since_s > stall_s:
            raise TimeoutError(f"no progress for {stall_s:g} s, at {seen}: {what}")
        time.sleep(0.1)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _peak_rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no VmHWM in /proc; is this Linux?")


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Process:
    """A program that may be started several times, one after the other; its output is kept in one file."""

    def __init__(
        self, name: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str] = {}
    ) -> None:
        self.name = name
        self._arguments = [sys.executable, *arguments]
        self._log = log
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and return once it is ready. Raises RuntimeError with its output if it ends instead."""
        self.launch()
        wait_until(self._is_up, timeout_s=_START_TIMEOUT_S, what=f"{self.name} is ready; see {self._log}")

    def launch(self) -> None:
        """Start it without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment
            )

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended while starting:\n{self.output[-4000:]}")
        return self.is_ready()

    def kill(self) -> None:
        """SIGKILL it, and return when it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM it; return its exit status. Killed, and TimeoutExpired raised, if it does not end."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def wait(self, timeout_s: float) -> int:
        """Wait for it to end by itself; return its exit status."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.wait(timeout_s)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start it; kill whatever is left of it at the end."""
        try:
            self.start()
            yield
        finally:
            self.kill()

    def cpu_s(self) -> float:
        """User and system CPU-seconds of the running process, its ended children's not included."""
        return _cpu_s(self.pid)

    def rss_mb(self) -> float:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    def peak_rss_mb(self) -> float:
        """The most resident memory it ever had."""
        return _peak_rss_mb(self.pid)


class StoreProcess(Process):
    """`python -m rootspan_store` on a data folder; keeps its port over restarts."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = {}) -> None:
        self.port = free_port()
        self.data = folder / "store"
        folder.mkdir(parents=True, exist_ok=True)
        listen = f"127.0.0.1:{self.port}"
        super().__init__(
            "store",
            ["-m", "rootspan_store", "--data", str(self.data), "--http", listen],
            folder / "store.log",
            environment,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/otel"

    def is_ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/ping")
                return connection.getresponse().status == 200
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False

    def query(self, sql: str, database: str = "otel") -> str:
        """Run a query; return its TSV. Raises RuntimeError with the store's words."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", "/?" + urlencode({"database": database}), sql.encode())
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"{sql}: {text}")
        return text.strip()

    def number(self, sql: str) -> int:
        """Run a query that yields one number."""
        return int(self.query(sql))


class CollectorProcess(Process):
    """`python -m rootspan_collector` on a log folder; keeps its port over restarts."""

    def __init__(
        self, folder: Path, store_url: str, flags: Sequence[str] = (), environment: Mapping[str, str] = {}
    ) -> None:
        self.port, self.http_port = free_port(), free_port()
        self.wal = folder / "wal"
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--store", store_url, "--grpc", self.address, "--http", f"127.0.0.1:{self.http_port}"]
        arguments += ["--wal", str(self.wal), *flags]
        super().__init__(
            "collector", ["-m", "rootspan_collector", *arguments], folder / "collector.log", environment
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def workers(self) -> list[int]:
        """Process ids of its workers, if it has any."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
        return sorted(found)

    def kill_worker(self, pid: int) -> None:
        """SIGKILL one of its workers, and return when it is gone; the collector starts it again."""
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _is_running(pid), timeout_s=10, what=f"worker {pid} is gone")

    def kill(self) -> None:
        """SIGKILL it with its workers, and return when all are gone."""
        workers = self.workers() if self._process is not None and self._process.poll() is None else []
        super().kill()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: not any(_is_running(pid) for pid in workers), timeout_s=10, what="workers are gone"
        )

    def cpu_s(self) -> float:
        """See `Process.cpu_s`; those of its living workers included."""
        return super().cpu_s() + sum(map(_cpu_s, self.workers()))

    def peak_rss_mb(self) -> float:
        """See `Process.peak_rss_mb`; those of its living workers are added."""
        return super().peak_rss_mb() + sum(map(_peak_rss_mb, self.workers()))

    @contextlib.contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        # A pool of its own: a shared one would keep the backoff of a connection to the killed process.
        with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            yield channel

    def is_ready(self) -> bool:
        with self.channel() as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def status(self) -> dict[str, object]:
        """Return the answer of its status method."""
        with self.channel() as channel:
            get = channel.unary_unary(
                "/rootspan.collector.v1.Status/Get",
                request_serializer=empty_pb2.Empty.SerializeToString,
                response_deserializer=struct_pb2.Struct.FromString,
            )
            # One worker may be killed while the other does not listen yet.
            told = get(empty_pb2.Empty(), timeout=30, wait_for_ready=True)
            answer: dict[str, object] = json_format.MessageToDict(told)
            return answer

    def whole_status(self) -> dict[str, object]:
        """Return the answer of its status method once no worker is away."""
        found: dict[str, object] = {}

        def is_whole() -> bool:
            nonlocal found
            found = self.status()
            return not found["away"]

        wait_until(is_whole, timeout_s=_START_TIMEOUT_S, what=f"no worker is away; see {self._log}")
        return found

    def counts(self, signal: str) -> dict[str, int]:
        """Return one signal's counters."""
        signals = self.whole_status()["signals"]
        return {name: int(value) for name, value in signals[signal].items() if isinstance(value, float)}  # type: ignore[index]

    def pending(self) -> dict[str, int]:
        """Return what each signal's log holds that is not in the store yet, in items."""
        signals = self.whole_status()["signals"]
        return {name: int(fields["pending"]) for name, fields in signals.items()}  # type: ignore[attr-defined]

    def wait_drained(self, stall_s: float = 120.0) -> None:
        """Return once nothing is pending in any signal; TimeoutError if nothing moves for `stall_s`."""
        wait_moving(
            lambda: not any(self.pending().values()),
            self.pending,
            stall_s=stall_s,
            what=f"the collector's log is empty; see {self._log}",
        )

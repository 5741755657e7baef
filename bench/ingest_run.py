"""What the runs of `bench.ingest` share: sending, metering processes, waiting for merges."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Process, StoreProcess, wait_until

__all__ = ["DRAIN_TIMEOUT_S", "SPANS", "Meter", "Sent", "send", "sender", "wait_merged"]

SPANS = 512
"""Spans a request."""
DRAIN_TIMEOUT_S = 120.0
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender was told."""

    requests: int
    spans: int
    bytes: int
    refused_requests: int
    ack_p50_ms: float
    ack_p99_ms: float
    wall_s: float


def sender(
    address: str, seconds: float, *, rate: float = 0.0, spans: int = SPANS, connections: int = 4
) -> subprocess.Popen[str]:
    """Start a sender (`bench.ingest_sender`) to HOST:PORT; `rate` in spans a second, 0: no limit."""
    options = {"seconds": seconds, "rate": rate, "spans": spans, "connections": connections}
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "bench.ingest_sender", address, *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)


def send(address: str, seconds: float, *, spans: int = SPANS, connections: int = 4) -> Sent:
    """Send as fast as it is answered, in a process of its own; return when it has ended."""
    with sender(address, seconds, spans=spans, connections=connections) as process:
        output, _ = process.communicate(timeout=seconds + 120)
    if process.returncode:
        raise RuntimeError(f"the sender to {address} failed")
    return Sent(**json.loads(output))


class Meter:
    """CPU-seconds that processes used since the meter was made."""

    def __init__(self, *processes: Process) -> None:
        self._processes = processes
        self._before_s = [process.cpu_s() for process in processes]

    def used_s(self) -> list[float]:
        """Return each one's, in their order."""
        pairs = zip(self._processes, self._before_s, strict=True)
        return [process.cpu_s() - before for process, before in pairs]


def wait_merged(store: StoreProcess, *, timeout_s: float = DRAIN_TIMEOUT_S) -> None:
    """Return once the store has neither begun nor ended a merge for two seconds."""
    calm_since_s = time.monotonic()
    last = ""

    def is_calm() -> bool:
        nonlocal calm_since_s, last
        now = store.query(
            "SELECT (SELECT count() FROM system.merges), (SELECT count() FROM system.parts WHERE active)"
        )
        if now != last or not now.startswith("0\t"):
            calm_since_s, last = time.monotonic(), now
        return time.monotonic() - calm_since_s > 2.0

    wait_until(is_calm, timeout_s=timeout_s, what="background merges are done")

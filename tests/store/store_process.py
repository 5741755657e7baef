"""The store as a process of its own, for tests."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from clickhouse_connect.driver.client import Client

from rootspan_store.client import StoreUrl, connect

_READY_WITHIN_S = 30.0


class StoreProcess:
    """`python -m rootspan_store` on a folder."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        self._environment = {f"ROOTSPAN_STORE_{name.upper()}": value for name, value in environment.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.url = StoreUrl("127.0.0.1", 0)

    def start(self) -> "StoreProcess":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rootspan_store", "--data", str(self.data), "--http", "127.0.0.1:0"],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self._environment},
                cwd=self.data.parent,
            )
        assert self.process.stdout is not None
        deadline = time.monotonic() + _READY_WITHIN_S
        line = b""
        while time.monotonic() < deadline and not line:
            line = self.process.stdout.readline()
            if not line and self.process.poll() is not None:
                break
        assert b"ready at " in line, self.log.read_text()
        self.url = StoreUrl.parse(line.decode().split("ready at ")[1].strip()).with_database("default")
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def connect(self, database: str = "default") -> Client:
        return connect(self.url.with_database(database))

    def memory_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def end(self, number: int = signal.SIGTERM, *, within_s: float = 30.0) -> int:
        """Send a signal; return the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(within_s)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return status

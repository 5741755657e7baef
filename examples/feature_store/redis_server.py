"""A process of Debian's `redis-server` or `redis-sentinel` on a port of loopback, and clients of it by name.

Owns how it is started, found to serve, and ended: it goes when the process that started it does.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis
from examples.harness.processes import bound
from redis.backoff import NoBackoff
from redis.retry import Retry

from rootspan_cli.processes.ports import free_port

SERVES_WITHIN_S = 30.0
PROGRAMS = ("redis-server", "redis-sentinel")


def missing() -> str:
    """What this machine lacks, and how to get it; empty when all is there."""
    absent = [one for one in PROGRAMS if shutil.which(one) is None]
    return f"{' and '.join(absent)} not found: apt-get install redis-server redis-sentinel" if absent else ""


class RedisServer:
    """A server that runs from its making on."""

    def __init__(self, program: str, settings: Sequence[str]) -> None:
        """Start it.

        Args:
            program: One of `PROGRAMS`.
            settings: Lines of its configuration.
        """
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="rootspan-redis-")
        config = Path(self._folder.name) / "redis.conf"
        own = [f"port {self.port}", "bind 127.0.0.1", f"dir {self._folder.name}", "daemonize no"]
        config.write_text("\n".join([*own, *settings, ""]))
        self._process = subprocess.Popen(
            bound([program, str(config)], by="KILL"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def wait_until_serving(self) -> None:
        """Return once it answers.

        Raises:
            RuntimeError: It ended, or somebody else answers on its port.
            TimeoutError: It does not answer.
        """
        deadline = time.monotonic() + SERVES_WITHIN_S
        client = redis.Redis("127.0.0.1", self.port, socket_timeout=5)
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"Redis ended with status {self._process.returncode} before it served")
            try:
                answered = client.info("server")["process_id"]
            except redis.RedisError as err:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Redis does not answer within {SERVES_WITHIN_S:g} s: {err}") from err
                time.sleep(0.05)
                continue
            client.close()
            if answered != self._process.pid:
                raise RuntimeError(f"port {self.port} is somebody else's: process {answered} answers")
            return

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


class _OnLoopback(redis.Connection):
    """Goes to loopback, whatever the host is called: the names of the example are nobody else's."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{**arguments, "host": "127.0.0.1"})


def client(ports: Mapping[str, int], host: str, *, timeout_s: float = 1.0) -> redis.Redis:
    """A client of a node by its name. It asks once: who asks again is the caller."""
    pool = redis.ConnectionPool(
        connection_class=_OnLoopback,
        host=host,
        port=ports[host],
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)

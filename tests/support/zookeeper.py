"""A real ZooKeeper (Debian's) on a free port, for what only coordination can show."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rootspan_cli.processes.ports import free_port
from support.processes import wait_until

__all__ = ["missing_zookeeper", "running_zookeeper"]

_JAR = Path("/usr/share/java/zookeeper.jar")


def missing_zookeeper() -> str | None:
    """Why there can be none here; None: it can be started."""
    if shutil.which("java") is None:
        return "no java"
    return None if _JAR.exists() else f"no {_JAR}: apt-get install zookeeper"


def _is_up(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"srvr")
            return connection.recv(9) == b"Zookeeper"
    except OSError:
        return False


@contextlib.contextmanager
def running_zookeeper(folder: Path) -> Iterator[int]:
    """Start one; give its port; kill it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "zoo.cfg"
    config.write_text(
        f"tickTime=500\ndataDir={folder / 'data'}\nclientPort={port}\nclientPortAddress=127.0.0.1\n"
        "admin.enableServer=false\n4lw.commands.whitelist=srvr\n"
    )
    with (folder / "zookeeper.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "java",
                "-Xmx192m",
                "-cp",
                f"{_JAR}:/usr/share/java/*",
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                str(config),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        wait_until(lambda: _is_up(port), timeout_s=60, what="ZooKeeper answers")
        yield port
    finally:
        process.kill()
        process.wait(10)

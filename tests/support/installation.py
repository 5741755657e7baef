"""`rootspan up` as a process, and the processes below it."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import Process

from rootspan_cli.processes.ports import free_port

__all__ = ["UpProcess", "descendants", "is_alive"]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> dict[int, str]:
    """Command lines of all processes below one, by process id."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found: dict[int, str] = {}
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level and child not in found}
        for child in level:
            try:
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                found[child] = ""
    return found


class UpProcess(Process):
    """`rootspan up` on a folder and free ports."""

    def __init__(self, folder: Path, *, dashboard: bool = False) -> None:
        self.data = folder / "data"
        self.store_port, self.collector_port, self.dashboard_port = free_port(), free_port(), free_port()
        self.collector_http_port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            "up",
            [
                *("-m", "rootspan_cli", "up", "--data", str(self.data)),
                *("--store-http", f"127.0.0.1:{self.store_port}", "--collector-grpc", self.collector),
                *("--collector-http", f"127.0.0.1:{self.collector_http_port}"),
                *("--dashboard-port", str(self.dashboard_port)),
                "--dashboard" if dashboard else "--no-dashboard",
            ],
            folder / "up.log",
        )

    @property
    def store(self) -> str:
        """As `--store` takes it."""
        return f"http://127.0.0.1:{self.store_port}/otel"

    @property
    def collector(self) -> str:
        """As `--collector` takes it."""
        return f"127.0.0.1:{self.collector_port}"

    def is_ready(self) -> bool:
        """Its last words at the start."""
        return "Ctrl-C stops all" in self.output

    def part(self, name: str) -> int:
        """Process id of a part."""
        for pid, command in descendants(self.pid).items():
            if f"rootspan_cli {name} " in command:
                return pid
        raise LookupError(f"no {name} below {self.pid}")

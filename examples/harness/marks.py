"""How an example tells the one who records it when its times begin: lines `# healthy NS`, `# broken NS`."""

from __future__ import annotations

import re
import time

_LINE = re.compile(r"^# (\w+) (\d+)$", re.MULTILINE)


def mark(name: str) -> None:
    """Print that a time begins now."""
    print(f"# {name} {time.time_ns()}", flush=True)


def marks_of(output: str) -> dict[str, int]:
    """Unix nanoseconds by name, out of what an example printed."""
    return {name: int(ns) for name, ns in _LINE.findall(output)}

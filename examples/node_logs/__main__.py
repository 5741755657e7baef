"""`python -m examples.node_logs`: write what machines log, follow it with the agent, tell what it sent."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from examples.harness.command import NONE, add_faults
from examples.harness.processes import bound
from examples.node_logs.faults import FAULTS, HARMLESS, LINES, STRUCK

SPAN_S, ONSET_S = 600, 120
"""How long before the end the logs begin, and the fault."""


def main() -> int:
    """Returns the agent's exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.node_logs", description=__doc__)
    add = parser.add_argument
    add("--nodes", type=int, default=5000, help="machines, each a file (default %(default)s)")
    add("--lines", type=int, default=20, help="harmless lines of each (default %(default)s)")
    add_faults(parser, FAULTS)
    add("--end-unix-ns", type=int, help="the logs' end (default: now)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    asked = parser.parse_args()
    least = int(STRUCK.rpartition("-")[2]) + 1
    if asked.nodes < least:
        parser.error(f"--nodes is {asked.nodes}; it takes {least} for {STRUCK} to be among them")
    end_s = (asked.end_unix_ns or time.time_ns()) / 1e9
    with tempfile.TemporaryDirectory(prefix="rootspan-nodes-") as folder:
        n_lines = write_logs(Path(folder) / "nodes", asked.nodes, asked.lines, fault=asked.fault, end_s=end_s)
        print(f"{asked.nodes} machines (simulated) logged {n_lines} lines", flush=True)
        command = [sys.executable, "-m", "rootspan_cli", "agent", "--once", "--from", "start", "--no-journal"]
        command += ["--no-gpus", "--endpoint", asked.endpoint, "--state", f"{folder}/state"]
        command += ["--file", f"{folder}/nodes/{{host}}/kern.log"]
        return subprocess.run(bound(command), check=False).returncode


def write_logs(folder: Path, nodes: int, lines: int, *, fault: str, end_s: float) -> int:
    """Write a file for each machine. Returns how many lines there are in all."""
    choose = random.Random(nodes)
    for number in range(nodes):
        host = f"gpu-{number:05d}"
        told = [(end_s - choose.uniform(0, SPAN_S), choose.choice(HARMLESS)) for _ in range(lines)]
        if host == STRUCK and fault != NONE:
            told.append((end_s - ONSET_S, LINES[fault]))
        (folder / host).mkdir(parents=True)
        text = "".join(f"{_stamp(at_s)} {host} kernel: {what}\n" for at_s, what in sorted(told))
        (folder / host / "kern.log").write_text(text)
    return nodes * lines + (fault != NONE)


def _stamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")


if __name__ == "__main__":
    raise SystemExit(main())

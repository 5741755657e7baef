"""Starts the fleet's processes in the order in which they call each other, and stops them again.

Owns the processes: whatever happens, none is left behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.recsys.service import Assignment
from examples.recsys.topology import REGIONS, Place, places

FAULTS: Mapping[str, str | None] = {"slow-gpu": "gpu-001", "error-burst": "fs-01", "none": None}
"""Fault and the host it is on."""
STOP_WITHIN_S = 15.0
_ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Running:
    """A process that serves."""

    place: Place
    port: int
    process: subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Report:
    """What a process said when it stopped."""

    place: Place
    pid: int
    exit_code: int
    sent: Mapping[str, int]
    dropped: int


class Fleet:
    """The processes that run, and, once stopped, what they delivered."""

    def __init__(self) -> None:
        self.running: list[Running] = []
        self.reports: list[Report] = []

    def addresses(self, service: str, region: str, *, same: bool = True) -> list[str]:
        """Where a service listens, in a region or outside of it."""
        return [
            f"127.0.0.1:{one.port}"
            for one in self.running
            if one.place.service == service and (one.place.region == region) == same
        ]

    def ports(self, service: str) -> list[int]:
        """Ports of a service in all regions."""
        return [one.port for one in self.running if one.place.service == service]

    def start(self, assignments: Sequence[Assignment]) -> None:
        """Start processes and wait until each serves.

        Raises:
            RuntimeError: One ended instead.
        """
        begun = [(one.place, _spawn(one)) for one in assignments]
        for place, process in begun:
            self.running.append(Running(place, 0, process))
        for running in self.running[-len(begun) :]:
            assert running.process.stdout is not None
            line = running.process.stdout.readline()
            if not line:
                raise RuntimeError(f"{running.place.host} ended before it served; see its messages above")
            running.port = json.loads(line)["port"]

    def stop(self) -> None:
        """Stop everything, callers first, and collect the reports."""
        for running in reversed(self.running):
            running.process.terminate()
        for running in self.running:
            try:
                out, _ = running.process.communicate(timeout=STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                running.process.kill()
                out, _ = running.process.communicate()
            said = json.loads(out.splitlines()[-1]) if out.strip() else {}
            process = running.process
            self.reports.append(
                Report(
                    running.place,
                    process.pid,
                    process.returncode,
                    said.get("sent", {}),
                    said.get("dropped", 0),
                )
            )
        self.running.clear()


@contextmanager
def fleet(
    endpoint: str, *, fault: str = "none", fault_after_s: float = 0.0, rankers: int = 2
) -> Iterator[Fleet]:
    """A running fleet of two regions, stopped on exit."""
    broken_host = FAULTS[fault]
    running = Fleet()
    try:
        for service, callee in (
            ("feature-store", None),
            ("ranker", "feature-store"),
            ("balancer", "ranker"),
            ("gateway", "balancer"),
        ):
            running.start(
                [
                    Assignment(
                        place,
                        endpoint,
                        near=running.addresses(callee, place.region) if callee else [],
                        far=running.addresses(callee, place.region, same=False) if callee else [],
                        breaks_after_s=fault_after_s if place.host == broken_host else None,
                    )
                    for place in places(service, rankers)
                ]
            )
        assert {one.place.region for one in running.running} == set(REGIONS)
        yield running
    finally:
        running.stop()


def _spawn(assignment: Assignment) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "examples.recsys.service", assignment.to_json()],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )

"""Starts the fleet's processes in the order in which they call each other, and stops them again.

Owns who is told what: each process its place, whom it calls, and when it breaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from examples.harness.processes import Report, Served
from examples.recsys.faults import BAD_VERSION, FAULTS
from examples.recsys.service import Assignment
from examples.recsys.topology import places


@dataclass(slots=True)
class Running:
    """A process that serves."""

    assignment: Assignment
    process: Served


class Fleet:
    """The processes that run, and, once stopped, what they delivered."""

    def __init__(self) -> None:
        self.running: list[Running] = []
        self.reports: list[tuple[str, Report]] = []

    def addresses(self, service: str, region: str, *, same: bool = True) -> list[str]:
        """Where a service listens, in a region or outside of it."""
        return [
            f"127.0.0.1:{one.process.port}"
            for one in self.running
            if one.assignment.place.service == service and (one.assignment.place.region == region) == same
        ]

    def ports(self, service: str) -> list[int]:
        """Ports of a service in all regions."""
        return [one.process.port for one in self.running if one.assignment.place.service == service]

    def start(self, assignments: Sequence[Assignment]) -> None:
        """Start processes and wait until each serves.

        Raises:
            RuntimeError: One ended instead.
        """
        begun = [Running(one, _spawn(one)) for one in assignments]
        self.running += begun
        for running in begun:
            running.process.wait_until_serving()

    def roll_out(self, version: str, hosts: Sequence[str]) -> None:
        """Replace the processes of these hosts by ones of another version.

        Each successor listens on its predecessor's port before that one goes, and takes over its callers.
        """
        replaced = [one for one in self.running if one.assignment.place.host in hosts]
        predecessors = [one.process for one in replaced]
        for running in replaced:
            place = replace(running.assignment.place, version=version)
            running.assignment = replace(running.assignment, place=place, port=running.process.port)
            running.process = _spawn(running.assignment)
        for running in replaced:
            running.process.wait_until_serving()
        for running, predecessor in zip(replaced, predecessors, strict=True):
            self.reports.append((running.assignment.place.host, predecessor.stop()))

    def begin_fault(self, fault: str) -> None:
        """Have it happen now, where it happens in processes; the load has a part of its own."""
        if fault == "bad-version":
            self.roll_out(BAD_VERSION, FAULTS[fault].hosts)
            return
        for running in self.running:
            if running.assignment.fault != "none":
                running.process.begin_fault()

    def stop(self) -> None:
        """Stop everything, callers first, and collect the reports."""
        for running in reversed(self.running):
            running.process.begin_stop()
        for running in self.running:
            self.reports.append((running.assignment.place.host, running.process.stop()))
        self.running.clear()


@contextmanager
def fleet(endpoint: str, *, fault: str = "none", rankers: int = 3) -> Iterator[Fleet]:
    """A running fleet of two regions, healthy until `begin_fault`, stopped on exit."""
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
                        fault=fault if place.host in FAULTS[fault].hosts else "none",
                    )
                    for place in places(service, rankers)
                ]
            )
        yield running
    finally:
        running.stop()


def _spawn(assignment: Assignment) -> Served:
    return Served("examples.recsys.service", assignment.to_json())

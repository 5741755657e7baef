"""Starts nodes of the store, sentinels and rankers, breaks what is to be broken, and stops them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from examples.feature_store import node, ranker
from examples.feature_store.faults import FAULTS, KILLED, PRIMARY, RANKERS, REPLICA
from examples.feature_store.sentinels import Sentinels
from examples.harness.command import NONE
from examples.harness.processes import Report, Served


@dataclass(slots=True)
class Fleet:
    """The processes by host, and what they delivered once they are stopped."""

    fault: str
    nodes: dict[str, Served] = field(default_factory=dict)
    rankers: dict[str, Served] = field(default_factory=dict)
    sentinels: Sentinels | None = None
    reports: list[tuple[str, Report]] = field(default_factory=list)

    def begin_fault(self) -> None:
        """Break it now."""
        if self.fault == NONE:
            return
        if self.fault == "primary-lost" and self.sentinels is not None:
            self.sentinels.never_agree()
        for host in FAULTS[self.fault].hosts:
            if self.fault in KILLED:
                self.reports.append((host, self.nodes.pop(host).kill()))
            else:
                self.nodes[host].begin_fault()

    def stop(self) -> None:
        """Stop everything, callers first, and collect the reports."""
        running = {**self.rankers, **self.nodes}
        for one in running.values():
            one.begin_stop()
        self.reports += [(host, one.stop()) for host, one in running.items()]
        if self.sentinels is not None:
            self.sentinels.stop()
        self.nodes.clear()
        self.rankers.clear()


@contextmanager
def fleet(endpoint: str, fault: str, rankers: Sequence[str] = tuple(RANKERS)) -> Iterator[Fleet]:
    """A running fleet whose replica is in step, healthy until `begin_fault`, stopped on exit."""
    running = Fleet(fault)
    told = FAULTS[fault].hosts if fault != NONE else ()

    def start_node(host: str, primary_port: int | None) -> Served:
        assigned = node.Assignment(host, endpoint, primary_port, fault if host in told else NONE)
        running.nodes[host] = Served("examples.feature_store.node", assigned.to_json())
        running.nodes[host].wait_until_serving()
        return running.nodes[host]

    try:
        primary = start_node(PRIMARY, None)
        replica = start_node(REPLICA, primary.port)
        running.sentinels = Sentinels(primary.port)
        running.sentinels.wait_until_agreed()
        ports = {PRIMARY: primary.port, REPLICA: replica.port, **running.sentinels.ports}
        for host in rankers:
            told_to = ranker.Assignment(host, endpoint, ports)
            running.rankers[host] = Served("examples.feature_store.ranker", told_to.to_json())
        for one in running.rankers.values():
            one.wait_until_serving()
        yield running
    finally:
        running.stop()

"""Starts the nodes and the servers, has one lead, breaks what is to be broken, and stops them again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from examples.consensus import node, server
from examples.consensus.faults import FAULTS, LEADER, NEW_MODEL, SERVERS, ZONES
from examples.harness.processes import Report, Served

from rootspan_cli.processes.ports import free_port

LEADS_WITHIN_S = 60.0


@dataclass(slots=True)
class Cluster:
    """The processes by host, and what they delivered once they are stopped."""

    fault: str
    peers: dict[str, str]
    nodes: dict[str, Served] = field(default_factory=dict)
    servers: dict[str, Served] = field(default_factory=dict)
    reports: list[tuple[str, Report]] = field(default_factory=list)

    def wait_for_leader(self) -> None:
        """Return once `LEADER` leads.

        Raises:
            TimeoutError: It does not.
        """
        from examples.harness import wire

        deadline = time.monotonic() + LEADS_WITHIN_S
        asks = {
            self.peers[host]: wire.stub(f"127.0.0.1:{one.port}", "Registry/Current")
            for host, one in self.nodes.items()
        }
        wanted = self.peers[LEADER]
        while True:
            leaders = [ask({"status": True}, timeout=5)["leader"] for ask in asks.values()]
            if set(leaders) == {wanted}:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{LEADER} does not lead within {LEADS_WITHIN_S:g} s; leaders: {leaders}")
            if len(set(leaders)) == 1 and leaders[0]:
                asks[leaders[0]]({"lead": wanted}, timeout=5)
            time.sleep(0.3)

    def begin_fault(self) -> None:
        """Break it now."""
        if self.fault == "none":
            return
        hosts = FAULTS[self.fault].hosts
        if self.fault == "leader-lost":
            self.reports.append((LEADER, self.nodes.pop(LEADER).kill()))
            return
        for host in hosts:
            (self.nodes | self.servers)[host].begin_fault()
        if self.fault == "split-versions":
            from examples.harness import wire

            wire.stub(f"127.0.0.1:{self.nodes[LEADER].port}", "Registry/Current")(
                {"put": NEW_MODEL}, timeout=5
            )

    def stop(self) -> None:
        """Stop everything and collect the reports."""
        running = {**self.servers, **self.nodes}
        for one in running.values():
            one.begin_stop()
        self.reports += [(host, one.stop()) for host, one in running.items()]
        self.nodes.clear()
        self.servers.clear()


@contextmanager
def cluster(endpoint: str, fault: str) -> Iterator[Cluster]:
    """A running cluster that agrees, healthy until `begin_fault`, stopped on exit."""
    told = FAULTS[fault].hosts if fault != "none" else ()
    running = Cluster(fault, _addresses())

    def mine(host: str) -> str:
        return fault if host in told else "none"

    try:
        for host in ZONES:
            assigned = node.Assignment(host, running.peers, endpoint, mine(host))
            running.nodes[host] = Served("examples.consensus.node", assigned.to_json())
        for one in running.nodes.values():
            one.wait_until_serving()
        registry = [f"127.0.0.1:{one.port}" for one in running.nodes.values()]
        for host in SERVERS:
            told_to = server.Assignment(host, registry, endpoint, mine(host))
            running.servers[host] = Served("examples.consensus.server", told_to.to_json())
        for one in running.servers.values():
            one.wait_until_serving()
        running.wait_for_leader()
        yield running
    finally:
        running.stop()


def _addresses() -> dict[str, str]:
    """An address for each node, which each has to know of the others before any of them runs."""
    return {host: f"127.0.0.1:{free_port()}" for host in ZONES}

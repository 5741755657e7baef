"""`python -m examples.orchestration`: three nodes with a pod and an agent each, users, and a fault."""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from examples.harness.command import NONE, command_line, drive_with_fault, stop_event, tell_reports
from examples.orchestration.layout import FAULTS, NICE, ZONES

import rootspan
from rootspan import semconv


def main() -> int:
    """Returns 0 when it ran and every pod stopped by itself."""
    faults = {name: fault.truth for name, fault in FAULTS.items()}
    asked = command_line("examples.orchestration", __doc__, faults, seconds=60.0, rate=20.0).parse_args()
    stopping = stop_event()
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)  # and of all that it starts
    place = {semconv.HOST_NAME: "edge-1", semconv.CLOUD_REGION: "us-east-1"}
    rootspan.init("gateway", asked.endpoint, resource=place, instrument=["grpc"])
    from examples.orchestration.gateway import Gateway
    from examples.orchestration.node import Node

    cores = sorted(os.sched_getaffinity(0))
    nodes: dict[str, Node] = {}
    with tempfile.TemporaryDirectory(prefix="rootspan-cluster-") as folder:
        try:
            for number, name in enumerate(ZONES):
                # The first has a core of its own, so that its noise is not the others'.
                core = (
                    cores[0] if number == 0 or len(cores) == 1 else cores[1 + (number - 1) % (len(cores) - 1)]
                )
                nodes[name] = Node(name, Path(folder), asked.endpoint, core)
            for node in nodes.values():
                assert node.pod is not None
                node.pod.wait_until_serving()
            gateway = Gateway({name: node.address for name, node in nodes.items()})

            acts: list[threading.Thread] = []

            def strike() -> None:
                # Orchestrators act beside what runs; the fault begins when they do.
                if asked.fault != NONE:
                    act = getattr(nodes[FAULTS[asked.fault].node], FAULTS[asked.fault].act)
                    acts.append(threading.Timer(0.2, act))
                    acts[0].start()

            drive_with_fault(asked, gateway.ask, strike, stopping=stopping)
            for one in acts:
                one.join()
        finally:
            for node in nodes.values():
                node.stop()
    rootspan.shutdown()
    return tell_reports([one for node in nodes.values() for one in node.reports], asked.endpoint)


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m examples.consensus`: a cluster that agrees, servers that ask it, users, and a fault."""

from __future__ import annotations

from examples.consensus.faults import FAULTS, LEADER, SERVERS, ZONES
from examples.harness.command import NONE, command_line, drive_with_fault, stop_event, tell_reports

import rootspan


def main() -> int:
    """Returns 0 when it ran and every process stopped by itself, but one that a fault killed."""
    faults = {name: fault.truth for name, fault in FAULTS.items()}
    asked = command_line("examples.consensus", __doc__, faults, seconds=120.0, rate=20.0).parse_args()
    stopping = stop_event()
    place = {"host.name": "gw-01", "cloud.region": "us-east", "service.namespace": "consensus"}
    rootspan.init("gateway", asked.endpoint, resource=place, instrument=["grpc"])
    from examples.consensus.cluster import cluster
    from examples.harness import wire

    with cluster(asked.endpoint, asked.fault) as running:
        print(
            f"{len(ZONES)} nodes, {LEADER} leads; {len(SERVERS)} servers; {asked.rate:g} requests/s",
            flush=True,
        )
        if asked.fault != NONE:
            print(f"{asked.fault} is to come: {FAULTS[asked.fault].truth}", flush=True)
        stubs = [wire.stub(f"127.0.0.1:{one.port}", "Model/Infer") for one in running.servers.values()]
        drive_with_fault(asked, wire.ask("POST /infer", stubs), running.begin_fault, stopping=stopping)
    rootspan.shutdown()
    killed = frozenset({LEADER}) if asked.fault == "leader-lost" else frozenset[str]()
    return tell_reports(running.reports, asked.endpoint, killed=killed)


if __name__ == "__main__":
    raise SystemExit(main())

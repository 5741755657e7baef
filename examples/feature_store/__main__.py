"""`python -m examples.feature_store`: a replicated store, rankers that use it, users, and a fault."""

from __future__ import annotations

import sys

from examples.feature_store.faults import FAULTS, KILLED, RANKERS, place_of
from examples.feature_store.redis_server import missing
from examples.harness.command import NONE, command_line, drive_with_fault, stop_event, tell_reports

import rootspan

USERS = 40


def main() -> int:
    """Returns 0 when it ran and every process stopped by itself, but one that a fault killed."""
    faults = {name: fault.truth for name, fault in FAULTS.items()}
    asked = command_line("examples.feature_store", __doc__, faults, seconds=120.0, rate=15.0).parse_args()
    if missing():
        print(f"examples.feature_store: {missing()}", file=sys.stderr)
        return 2
    stopping = stop_event()
    rootspan.init("gateway", asked.endpoint, resource=place_of("gw-01"), instrument=["grpc"])
    from examples.feature_store.fleet import fleet
    from examples.harness import wire

    with fleet(asked.endpoint, asked.fault) as running:
        print(
            f"a primary, a replica, 3 sentinels, {len(RANKERS)} rankers; {asked.rate:g} requests/s",
            flush=True,
        )
        if asked.fault != NONE:
            print(f"{asked.fault} is to come: {FAULTS[asked.fault].truth}", flush=True)
        stubs = [wire.stub(f"127.0.0.1:{one.port}", "Ranker/Rank") for one in running.rankers.values()]
        users = wire.ask("POST /rank", stubs, lambda number: {"user": number % USERS}, timeout_s=8)
        drive_with_fault(asked, users, running.begin_fault, stopping=stopping)
    rootspan.shutdown()
    killed = frozenset({KILLED[asked.fault]}) if asked.fault in KILLED else frozenset[str]()
    return tell_reports(running.reports, asked.endpoint, killed=killed)


if __name__ == "__main__":
    raise SystemExit(main())

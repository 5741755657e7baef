"""`python -m examples.recsys`: start the fleet, drive it, stop it, tell what happened."""

from __future__ import annotations

from examples.harness.command import NONE, command_line, drive_with_fault, stop_event, tell_reports
from examples.harness.load import over_http
from examples.recsys.faults import FAULTS, SURGE
from examples.recsys.fleet import fleet


def main() -> int:
    """Returns 0 when the fleet ran and every process stopped by itself."""
    faults = {name: fault.truth for name, fault in FAULTS.items() if name != NONE}
    parser = command_line("examples.recsys", __doc__, faults, seconds=120.0, rate=30.0)
    parser.add_argument("--rankers", type=int, default=3, help="rankers in each region (default %(default)s)")
    asked = parser.parse_args()
    stopping = stop_event()
    with fleet(asked.endpoint, fault=asked.fault, rankers=asked.rankers) as running:
        print(
            f"{len(running.running)} processes, 2 regions; {asked.rate:g} requests/s, {asked.seconds:g} s",
            flush=True,
        )
        if asked.fault != NONE:
            where = ", ".join(FAULTS[asked.fault].hosts) or "the load"
            print(f"{asked.fault} on {where} is to come: {FAULTS[asked.fault].truth}", flush=True)
        drive_with_fault(
            asked,
            over_http(running.ports("gateway"), "/recommend", lambda user: {"user": user}),
            lambda: running.begin_fault(asked.fault),
            stopping=stopping,
            surge=SURGE if asked.fault == "saturated-queue" else 1.0,
        )
    return tell_reports(running.reports, asked.endpoint)


if __name__ == "__main__":
    raise SystemExit(main())

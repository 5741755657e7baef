"""`python -m examples.two_regions`: a gateway and three instances in each region, users, and a fault."""

from __future__ import annotations

from collections.abc import Callable

from examples.harness.command import command_line, drive_with_fault, stop_event, tell_reports
from examples.harness.processes import Report, Served
from examples.two_regions.layout import FAULTS, INSTANCES, REGIONS, SLOW_REGION
from examples.two_regions.server import Assignment


def main() -> int:
    """Returns 0 when it ran and every process stopped by itself."""
    parser = command_line("examples.two_regions", __doc__, FAULTS, seconds=60.0, rate=24.0)
    parser.add_argument(
        "--endpoint-of",
        action="append",
        default=[],
        metavar="REGION=HOST:PORT",
        help="the collector of a region, repeatable (default: that of --endpoint)",
    )
    asked = parser.parse_args()
    collectors = dict.fromkeys(REGIONS, asked.endpoint) | dict(one.split("=", 1) for one in asked.endpoint_of)
    stopping = stop_event()
    running: dict[str, list[Served]] = {region: [] for region in REGIONS}
    reports: list[tuple[str, Report]] = []
    try:
        stubs = [_start(region, collectors, running, asked.fault) for region in REGIONS]

        def ask(number: int) -> tuple[bool, str]:
            import grpc

            try:
                stubs[number % len(stubs)]({"user": number}, timeout=5)
            except grpc.RpcError:
                return False, ""
            return True, ""

        def strike() -> None:
            if asked.fault == "slow-region":
                for one in running[SLOW_REGION][:INSTANCES]:
                    one.begin_fault()

        drive_with_fault(asked, ask, strike, stopping=stopping)
    finally:
        for region, processes in running.items():
            for one in reversed(processes):
                one.begin_stop()
            reports += [(region, one.stop()) for one in processes]
    for region in REGIONS:
        of_region = [one for name, one in reports if name == region]
        print(f"{region}: {sum(one.dropped for one in of_region)} items refused or lost")
    return tell_reports(reports, ", ".join(f"{name} at {at}" for name, at in collectors.items()))


def _start(
    region: str, collectors: dict[str, str], running: dict[str, list[Served]], fault: str
) -> Callable[..., object]:
    """Start a region's processes. Returns how to ask its gateway."""
    from examples.harness import wire

    module = "examples.two_regions.server"
    astray = fault == "residency-broken" and region != SLOW_REGION
    for number in range(INSTANCES):
        # The last instance of the region whose data must stay is told the other region's collector.
        goes_to = SLOW_REGION if astray and number == INSTANCES - 1 else region
        mine = Assignment("profiles", region, number, collectors[goes_to])
        running[region].append(Served(module, mine.to_json()))
    for one in running[region]:
        one.wait_until_serving()
    callees = [f"127.0.0.1:{one.port}" for one in running[region]]
    gateway = Served(module, Assignment("gateway", region, 0, collectors[region], callees).to_json())
    running[region].append(gateway)
    gateway.wait_until_serving()
    return wire.stub(f"127.0.0.1:{gateway.port}", "Gateway/Get")


if __name__ == "__main__":
    raise SystemExit(main())

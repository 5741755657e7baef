"""`python -m examples.recsys`: start the fleet, drive it, stop it, tell what happened."""

from __future__ import annotations

import argparse
import signal
import threading
from collections import Counter

from examples.recsys.fleet import FAULTS, fleet
from examples.recsys.load import drive


def main() -> int:
    """Returns 0 when the fleet ran and every process stopped by itself."""
    parser = argparse.ArgumentParser(prog="python -m examples.recsys", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=20.0, help="how long to drive it (default %(default)s)")
    add("--rate", type=float, default=40.0, help="requests a second (default %(default)s)")
    add("--rankers", type=int, default=2, help="rankers in each region (default %(default)s)")
    add("--fault", choices=FAULTS, default="none", help="what breaks after half of the time")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    asked = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    after_s = asked.seconds / 2
    with fleet(asked.endpoint, fault=asked.fault, fault_after_s=after_s, rankers=asked.rankers) as running:
        print(f"{len(running.running)} processes, 2 regions; {asked.rate:g} requests/s, {asked.seconds:g} s")
        if FAULTS[asked.fault]:
            print(f"{asked.fault} on {FAULTS[asked.fault]} begins after {after_s:g} s")
        ports = running.ports("gateway")
        answers = drive(ports, seconds=asked.seconds, rate=asked.rate, stopping=stopping)
    print(
        f"{answers.ok} answered, {answers.failed} failed; "
        f"p50 {answers.quantile_ms(0.5):.1f} ms, p95 {answers.quantile_ms(0.95):.1f} ms; "
        f"slowest trace {answers.slowest_trace or '-'}"
    )
    sent: Counter[str] = Counter()
    for report in running.reports:
        sent.update(report.sent)
    dropped = sum(report.dropped for report in running.reports)
    print(f"delivered to {asked.endpoint}: {dict(sent) or 'nothing'}; dropped {dropped}")
    unclean = [f"{one.place.host} ({one.exit_code})" for one in running.reports if one.exit_code != 0]
    if unclean:
        print(f"did not stop by themselves: {', '.join(unclean)}")
    return 1 if unclean else 0


if __name__ == "__main__":
    raise SystemExit(main())

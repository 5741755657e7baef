"""`python -m examples.recsys`: start the fleet, drive it, stop it, tell what happened."""

from __future__ import annotations

import argparse
import signal
import threading
from collections import Counter

from examples.recsys.faults import FAULTS, SURGE
from examples.recsys.fleet import fleet
from examples.recsys.load import drive


def main() -> int:
    """Returns 0 when the fleet ran and every process stopped by itself."""
    parser = argparse.ArgumentParser(prog="python -m examples.recsys", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=120.0, help="how long to drive it (default %(default)s)")
    add("--rate", type=float, default=30.0, help="requests a second (default %(default)s)")
    add("--rankers", type=int, default=3, help="rankers in each region (default %(default)s)")
    add("--fault", choices=FAULTS, default="none", help="what breaks after half of the time")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    asked = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    after_s = asked.seconds / 2

    def rate(passed_s: float) -> float:
        surging = asked.fault == "saturated-queue" and passed_s >= after_s
        return float(asked.rate) * (SURGE if surging else 1)

    with fleet(asked.endpoint, fault=asked.fault, rankers=asked.rankers) as running:
        n_processes = len(running.running)
        print(
            f"{n_processes} processes, 2 regions; {asked.rate:g} requests/s, {asked.seconds:g} s", flush=True
        )
        if asked.fault != "none":
            where = ", ".join(FAULTS[asked.fault].hosts) or "the load"
            print(
                f"{asked.fault} on {where} begins after {after_s:g} s: {FAULTS[asked.fault].truth}",
                flush=True,
            )
        onset = threading.Timer(after_s, running.begin_fault, [asked.fault])
        onset.start()
        try:
            ports = running.ports("gateway")
            answers = drive(ports, seconds=asked.seconds, rate=rate, stopping=stopping)
        finally:
            onset.cancel()
            onset.join()
    print(
        f"{answers.ok} answered, {answers.failed} failed; "
        f"p50 {answers.quantile_ms(0.5):.1f} ms, p95 {answers.quantile_ms(0.95):.1f} ms; "
        f"slowest trace {answers.slowest_trace or '-'}"
    )
    sent: Counter[str] = Counter()
    for _, report in running.reports:
        sent.update(report.sent)
    dropped = sum(report.dropped for _, report in running.reports)
    print(f"delivered to {asked.endpoint}: {dict(sent) or 'nothing'}; dropped {dropped}")
    unclean = [f"{host} ({report.exit_code})" for host, report in running.reports if report.exit_code != 0]
    if unclean:
        print(f"did not stop by themselves: {', '.join(unclean)}")
    return 1 if unclean else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m examples.region_loss`: simulate the fleet, lose a region, send what it would have sent.

Half of what the instances can serve is asked for: as much as one region can take over from the other.
"""

from __future__ import annotations

import argparse
import time

from examples.harness.command import NONE, add_faults

from rootspan_demo import FleetConfig, SendSettings, send, simulate

FAULTS = {"region-lost": "one of two regions is lost, and all its traffic moves to the other"}
LOST_S = 45.0
"""How long before the end it is lost."""
MINUTES = 12.0


def main() -> int:
    """Returns 0 when the collector took everything."""
    parser = argparse.ArgumentParser(prog="python -m examples.region_loss", description=__doc__)
    add = parser.add_argument
    add("--hosts", type=int, default=100, help="instances in both regions (default %(default)s)")
    add("--sampling", type=float, default=0.1, help="share of traces that is kept (default %(default)s)")
    add_faults(parser, FAULTS)
    add("--end-unix-ns", type=int, help="the recording's end (default: now)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    asked = parser.parse_args()
    config = FleetConfig(
        end_unix_ns=asked.end_unix_ns or time.time_ns(),
        hosts=asked.hosts,
        minutes=MINUTES,
        fault="none" if asked.fault == NONE else "region-outage",
        sampling_ratio=asked.sampling,
        load=0.48,
        onset_before_end_s=LOST_S,
    )
    recording = simulate(config)
    requests = recording.counts["requests"]
    print(
        f"{asked.hosts} simulated instances served {requests:,} requests in {MINUTES:g} minutes, "
        f"{requests / config.duration_s:,.0f} a second; {recording.sampling_ratio:.0%} of traces are sent",
        flush=True,
    )
    report = send(recording.requests(), SendSettings(asked.endpoint, in_flight=8))
    lost = sum(one.rejected + one.failed for one in report.counts.values())
    print(", ".join(f"{one.accepted:,} {signal}" for signal, one in report.counts.items()), "taken")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())

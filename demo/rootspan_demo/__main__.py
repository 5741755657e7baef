"""`python -m rootspan_demo`: simulate a recording and write it as a pack. Sends nothing."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rootspan_demo.case import build_case
from rootspan_demo.config import FAULT_NAMES, FleetConfig
from rootspan_demo.errors import DemoError
from rootspan_demo.packs import write_pack
from rootspan_demo.recording import simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status: 0 written, 2 wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m rootspan_demo",
        description="Simulate the reference fleet and write its telemetry as a pack.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    parser.add_argument("--fault", choices=FAULT_NAMES, default="none", help="what to plant (default: none)")
    parser.add_argument("--seed", type=int, default=7, help="picks everything that is random (default: 7)")
    parser.add_argument("--hosts", type=int, default=50, help="GPU hosts, 4-5000 (default: 50)")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the recording (default: 30)")
    parser.add_argument(
        "--spans", type=int, default=1_500_000, help="spans to aim at by sampling (default: 1500000)"
    )
    parser.add_argument("--end-unix-ns", type=int, help="the recording's end (default: now)")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        config = FleetConfig(
            end_unix_ns=given.end_unix_ns if given.end_unix_ns is not None else time.time_ns(),
            hosts=given.hosts,
            minutes=given.minutes,
            seed=given.seed,
            fault=given.fault,
            spans=given.spans,
        )
        recording = simulate(config)
        simulated = time.monotonic()
        written = write_pack(given.out, recording.requests(), build_case(recording))
    except (DemoError, OSError) as err:
        print(f"python -m rootspan_demo: {err}", file=sys.stderr)
        return 2
    counts = ", ".join(f"{count:,} {signal}" for signal, count in written.items())
    requests, kept = recording.counts["requests"], recording.sampling_ratio
    print(f"{given.out}: {counts}; of {requests:,} requests {kept:.2%} kept")
    print(f"simulated in {simulated - began:.1f} s, written in {time.monotonic() - simulated:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

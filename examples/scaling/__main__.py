"""`python -m examples.scaling`: the same work on 1, 2 and 4 ranks, one job after the other.

The ranks and their all-reduce are real; GPUs, their price and the link between them are simulated.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from examples.harness.command import add_faults
from examples.scaling.layout import FAULTS, PRICE, SIZES, WANTED, efficiency
from examples.scaling.worker import Job, run_rank


def main() -> int:
    """Returns 0 when all ranks of all jobs ended as they should."""
    parser = argparse.ArgumentParser(prog="python -m examples.scaling", description=__doc__)
    add = parser.add_argument
    add("--steps", type=int, default=40, help="steps of each job (default %(default)s)")
    add_faults(parser, FAULTS)
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    add("--job", help="begins the names of the jobs (default: after the time)")
    asked = parser.parse_args()
    name = asked.job or f"scaling-{int(time.time())}"
    from torch.multiprocessing.spawn import start_processes

    for ranks in SIZES[asked.fault]:
        job = f"{name}-{ranks}"
        print(f"job {job}: {ranks} ranks, {asked.steps} steps, expected {efficiency(ranks):.0%}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            given = Job(job, name, ranks, asked.steps, asked.endpoint, str(Path(folder) / "meeting"))
            # Forked, not spawned: PyTorch is imported once for all of them.
            start_processes(run_rank, (given,), nprocs=ranks, start_method="fork")
    print(f"ask: rootspan cost --last 15m --price {PRICE} --min-efficiency {WANTED}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

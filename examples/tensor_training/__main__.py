"""`python -m examples.tensor_training`: train pairs of ranks, plant a fault, tell what happened."""

from __future__ import annotations

import argparse
import time

from examples.harness.command import add_faults
from examples.harness.torchrun import run_ranks
from examples.tensor_training.layout import FAULTS, PAIRS, RANKS


def main() -> int:
    """Returns torchrun's exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.tensor_training", description=__doc__)
    add = parser.add_argument
    add("--steps", type=int, default=200, help="steps (default %(default)s)")
    add_faults(parser, FAULTS)
    add("--fault-step", type=int, help="at which step it begins (default: a quarter of them)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    add("--job", help="name of the job (default: after the time)")
    asked = parser.parse_args()
    fault_step = asked.steps // 4 if asked.fault_step is None else asked.fault_step
    job = asked.job or f"tensor-{int(time.time())}"
    print(f"job {job}: {PAIRS} pairs, {asked.steps} steps", flush=True)
    if asked.fault in FAULTS:
        print(f"{asked.fault} from step {fault_step} on: {FAULTS[asked.fault]}", flush=True)
    ended = run_ranks(
        "examples.tensor_training.worker",
        [
            *("--endpoint", asked.endpoint, "--steps", str(asked.steps)),
            *("--fault", asked.fault, "--fault-step", str(fault_step)),
        ],
        ranks=RANKS,
        job=job,
        environment={"ROOTSPAN_TRAINING_DETAIL": "all", "ROOTSPAN_PARALLEL": f"tp=2,dp={PAIRS}"},
    )
    if ended.status:
        print(ended.output)
    print(f"torchrun ended with status {ended.status}")
    return ended.status


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m examples.ddp_training`: train on several ranks, plant a fault, tell what happened."""

from __future__ import annotations

import argparse
import tempfile
import time

from examples.ddp_training.faults import FAULTS, TRUTHS, host_of
from examples.harness.command import add_faults
from examples.harness.torchrun import run_ranks


def main() -> int:
    """Returns 0 when all ranks ended as they should: also with one killed, if that was the fault."""
    parser = argparse.ArgumentParser(prog="python -m examples.ddp_training", description=__doc__)
    add = parser.add_argument
    add("--ranks", type=int, default=4, help="processes (default %(default)s)")
    add("--steps", type=int, default=400, help="steps (default %(default)s)")
    add_faults(parser, TRUTHS)
    add("--fault-step", type=int, help="at which step it begins (default: half of them)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    add("--detail", default="all", help='who sends phases and collectives: "all", "suspects", "0,2"')
    add("--job", help="name of the job (default: after the time)")
    asked = parser.parse_args()
    fault_step = asked.steps // 2 if asked.fault_step is None else asked.fault_step
    job = asked.job or f"ddp-{int(time.time())}"
    print(f"job {job}: {asked.ranks} ranks, {asked.steps} steps", flush=True)
    struck = FAULTS[asked.fault]
    if struck is not None:
        print(f"{asked.fault} on rank {struck} ({host_of(struck)}) from step {fault_step} on", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--endpoint", asked.endpoint, "--steps", str(asked.steps), "--checkpoints", folder]
        arguments += ["--fault", asked.fault, "--fault-step", str(fault_step)]
        ended = run_ranks(
            "examples.ddp_training.worker",
            arguments,
            ranks=asked.ranks,
            job=job,
            environment={"ROOTSPAN_TRAINING_DETAIL": asked.detail, "ROOTSPAN_TRAINING_HANG_AFTER_S": "1"},
        )
    expected = asked.fault == "killed-rank"
    if (ended.status != 0) != expected:
        print(ended.output)
    print(f"torchrun ended with status {ended.status}")
    return 0 if (ended.status != 0) == expected else 1


if __name__ == "__main__":
    raise SystemExit(main())

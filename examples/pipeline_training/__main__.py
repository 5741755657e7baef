"""`python -m examples.pipeline_training`: train a pipeline, plant a fault, tell what happened."""

from __future__ import annotations

import argparse
import time

from examples.harness.command import add_faults
from examples.harness.torchrun import run_ranks
from examples.pipeline_training.layout import FAULTS, LONG_STAGE, SLOW_LINK, SLOW_RANK, Layout, host_of


def main() -> int:
    """Returns torchrun's exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.pipeline_training", description=__doc__)
    add = parser.add_argument
    add("--stages", type=int, default=4, help="stages, one process each (default %(default)s)")
    add("--replicas", type=int, default=2, help="copies of the pipeline (default %(default)s)")
    add("--microbatches", type=int, default=4, help="a step (default %(default)s)")
    add("--steps", type=int, default=400, help="steps (default %(default)s)")
    add_faults(parser, FAULTS)
    add("--fault-step", type=int, help="at which step a slow worker becomes slow (default: half of them)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    add("--detail", default="all", help='who sends phases and collectives: "all", "suspects", "0,2"')
    add("--job", help="name of the job (default: after the time)")
    asked = parser.parse_args()
    layout = Layout(asked.stages, asked.replicas)
    fault_step = asked.steps // 2 if asked.fault_step is None else asked.fault_step
    job = asked.job or f"pipeline-{int(time.time())}"
    print(f"job {job}: {asked.replicas} pipelines of {asked.stages} stages, {asked.steps} steps", flush=True)
    if asked.fault == "slow-worker":
        print(f"rank {SLOW_RANK} ({host_of(SLOW_RANK)}) is slow from step {fault_step} on", flush=True)
    if asked.fault == "slow-link":
        print(f"the link between ranks {SLOW_LINK[0]} and {SLOW_LINK[1]} is slow", flush=True)
    if asked.fault == "long-stage":
        print(f"stage {LONG_STAGE} has more layers than the others, on all its ranks", flush=True)
    arguments = ["--endpoint", asked.endpoint, "--fault", asked.fault, "--fault-step", str(fault_step)]
    for name in ("stages", "replicas", "microbatches", "steps"):
        arguments += [f"--{name}", str(getattr(asked, name))]
    ended = run_ranks(
        "examples.pipeline_training.worker",
        arguments,
        ranks=layout.ranks,
        job=job,
        environment={"ROOTSPAN_TRAINING_DETAIL": asked.detail, "ROOTSPAN_PARALLEL": layout.text()},
    )
    if ended.status:
        print(ended.output)
    print(f"torchrun ended with status {ended.status}")
    return ended.status


if __name__ == "__main__":
    raise SystemExit(main())

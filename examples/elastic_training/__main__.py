"""`python -m examples.elastic_training`: two elastic agents train a model, a fault strikes, it goes on."""

from __future__ import annotations

import argparse
import tempfile
import time

from examples.elastic_training.faults import NODES, TRUTHS, host_of, struck_rank
from examples.harness.command import add_faults
from examples.harness.torchrun import run_elastic


def main() -> int:
    """Returns 0 when the job reached its last step."""
    parser = argparse.ArgumentParser(prog="python -m examples.elastic_training", description=__doc__)
    add = parser.add_argument
    add("--ranks-a-node", type=int, default=2, help="processes of each node (default %(default)s)")
    add("--steps", type=int, default=200, help="steps (default %(default)s)")
    add_faults(parser, TRUTHS)
    add("--fault-step", type=int, help="at which step it strikes (default: five after half of them)")
    add("--max-restarts", type=int, default=3, help="restarts of a node (default %(default)s)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    add("--job", help="name of the job (default: after the time)")
    asked = parser.parse_args()
    # Between two checkpoints: a restart does some steps again.
    fault_step = asked.steps // 2 + 5 if asked.fault_step is None else asked.fault_step
    job = asked.job or f"elastic-{int(time.time())}"
    print(f"job {job}: {NODES} nodes of {asked.ranks_a_node} ranks, {asked.steps} steps", flush=True)
    struck = struck_rank(asked.fault, NODES * asked.ranks_a_node)
    if struck is not None:
        where = host_of(struck, asked.ranks_a_node)
        print(f"{asked.fault} on rank {struck} ({where}): {TRUTHS[asked.fault]}", flush=True)
    with tempfile.TemporaryDirectory(prefix="rootspan-checkpoints-") as folder:
        arguments = ["--endpoint", asked.endpoint, "--steps", str(asked.steps), "--checkpoints", folder]
        arguments += ["--fault", asked.fault, "--fault-step", str(fault_step)]
        ended = run_elastic(
            "examples.elastic_training.worker",
            arguments,
            nodes=NODES,
            ranks_a_node=asked.ranks_a_node,
            max_restarts=asked.max_restarts,
            job=job,
            environment={"ROOTSPAN_TRAINING_DETAIL": "all", "ROOTSPAN_TRAINING_HANG_AFTER_S": "1"},
        )
    print(*(line for line in ended.output.splitlines() if line.startswith("# ")), sep="\n")
    if ended.status:
        print(ended.output)
    print(f"torchrun ended with status {ended.status}")
    return ended.status


if __name__ == "__main__":
    raise SystemExit(main())

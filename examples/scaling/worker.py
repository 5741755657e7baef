"""One rank: gloo's real all-reduce of real gradients; the GPU's time and the shared link's are simulated.

There is no GPU here, and the ranks share two cores: so a kernel is a sleep of the time that the layout gives
it, which leaves the processor to others as a GPU does. What the SDK needs is marked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from examples.harness.slow_link import slow_down
from examples.scaling.layout import BATCH_TOKENS, COMPUTE_S, communication_s

import rootspan

PARAMETERS = 65_536
WARM_UP_STEPS = 2


@dataclass(frozen=True, slots=True)
class Job:
    """What all ranks of a job are told.

    Attributes:
        name: `training.job.id`.
        workload: The same for all sizes.
        meeting: A path where nothing is, by which the ranks find each other.
    """

    name: str
    workload: str
    ranks: int
    steps: int
    endpoint: str
    meeting: str


def run_rank(rank: int, job: Job) -> None:
    """Train until the asked number of steps is done; to be called in a process of its own."""
    ranks = job.ranks
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks)}
    os.environ["ROOTSPAN_JOB_ID"] = job.name
    slow_down("all_reduce", lambda _: communication_s(ranks))
    place = {"host.name": f"gpu-{rank + 1:03d}", "gpu.index": 0, "training.workload": job.workload}
    rootspan.init("scaling-trainer", job.endpoint, resource=place, instrument=["torch"])  # SDK

    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{job.meeting}", rank=rank, world_size=ranks)
    device = _tell_utilization()
    gradients = torch.ones(PARAMETERS)
    for _ in range(WARM_UP_STEPS):  # connections are made; no step of the job
        dist.all_reduce(gradients)
        gradients.fill_(1.0)
    for step in range(job.steps):
        with rootspan.train_step(step) as running:  # SDK
            with rootspan.phase("forward"):  # SDK
                device.compute(COMPUTE_S / ranks / 3)
            with rootspan.phase("backward"):  # SDK
                device.compute(COMPUTE_S / ranks * 2 / 3)
            if ranks > 1:
                dist.all_reduce(gradients)
            with rootspan.phase("optimizer"):  # SDK
                gradients.div_(ranks)
            running.record(tokens=BATCH_TOKENS // ranks)
    dist.barrier()
    dist.destroy_process_group()
    rootspan.shutdown()


class _Device:
    """A GPU that does nothing but take time, and knows how much of it."""

    def __init__(self) -> None:
        self.busy_s, self._told_s, self._told_at = 0.0, 0.0, time.monotonic()

    def compute(self, seconds: float) -> None:
        """Run a kernel of that length."""
        time.sleep(seconds)
        self.busy_s += seconds

    def utilization(self) -> float:
        """Share of the time since it was last asked, 0-1."""
        now, busy_s = time.monotonic(), self.busy_s
        share = (busy_s - self._told_s) / max(1e-3, now - self._told_at)
        self._told_s, self._told_at = busy_s, now
        return min(1.0, share)


def _tell_utilization() -> _Device:
    from opentelemetry import metrics
    from opentelemetry.metrics import CallbackOptions, Observation

    device = _Device()

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(device.utilization())

    metrics.get_meter("examples").create_observable_gauge("hw.gpu.utilization", [observe], "1")
    return device

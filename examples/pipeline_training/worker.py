"""One rank: `torchrun ... -m examples.pipeline_training.worker`. A stage of a pipeline, GPipe's schedule.

All microbatches go forward through the stages, then backward; then replicas of a stage average their
gradients. What the SDK needs is marked; its phases are named by hand, because only the schedule knows its
microbatches.
"""

from __future__ import annotations

import argparse
import os
import time

from examples.harness.slow_link import slow_down
from examples.pipeline_training.layout import (
    LINK_S,
    LONG_FACTOR,
    LONG_STAGE,
    SLOW_LINK,
    SLOW_RANK,
    SLOW_S,
    Layout,
    host_of,
)

import rootspan

WIDTH, ROWS, LAYERS = 256, 64, 2


def main() -> None:
    """Train until the asked number of steps is done."""
    asked = _arguments()
    layout, rank = Layout(asked.stages, asked.replicas), int(os.environ["RANK"])
    place = {"host.name": host_of(rank), "gpu.index": 0}
    if asked.fault == "slow-link" and rank in SLOW_LINK:
        far = SLOW_LINK[1 - SLOW_LINK.index(rank)]
        slow_down("send", lambda given: LINK_S if given[1] == far else 0.0)
    rootspan.init("pipeline-trainer", asked.endpoint, resource=place, instrument=["torch"])  # SDK

    import torch
    import torch.distributed as dist
    from torch import nn

    dist.init_process_group("gloo")
    stage = layout.stage_of(rank)
    first, last = stage == 0, stage == layout.stages - 1
    groups = [dist.new_group(layout.peers_of(one)) for one in range(layout.stages)]
    torch.manual_seed(stage)
    n_layers = LAYERS * (LONG_FACTOR if asked.fault == "long-stage" and stage == LONG_STAGE else 1)
    part = nn.Sequential(*[nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()) for _ in range(n_layers)])
    optimizer = torch.optim.SGD(part.parameters(), lr=0.01)

    slow_from = asked.fault_step if asked.fault == "slow-worker" and rank == SLOW_RANK else asked.steps
    for step in range(asked.steps):
        with rootspan.train_step(step):  # SDK
            entered, left = [], []
            for k in range(asked.microbatches):
                x = torch.randn(ROWS, WIDTH)
                if not first:
                    with rootspan.phase("collective", microbatch=k):  # SDK
                        dist.recv(x, rank - 1)
                x.requires_grad_(not first)
                with rootspan.phase("forward", microbatch=k):  # SDK
                    y = part(x)
                    time.sleep(SLOW_S if step >= slow_from else 0)
                entered.append(x)
                left.append(y)
                if not last:
                    with rootspan.phase("collective", microbatch=k):  # SDK
                        dist.send(y.detach(), rank + 1)
            for k in reversed(range(asked.microbatches)):
                gradient = torch.ones_like(left[k])
                if not last:
                    with rootspan.phase("collective", microbatch=k):  # SDK
                        dist.recv(gradient, rank + 1)
                with rootspan.phase("backward", microbatch=k):  # SDK
                    left[k].backward(gradient)
                if not first:
                    with rootspan.phase("collective", microbatch=k):  # SDK
                        dist.send(entered[k].grad, rank - 1)
            if layout.replicas > 1:
                for weights in part.parameters():
                    dist.all_reduce(weights.grad, group=groups[stage])
            optimizer.step()
            optimizer.zero_grad()
    dist.destroy_process_group()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="localhost:4317")
    parser.add_argument("--stages", type=int, default=4)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--microbatches", type=int, default=4)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--fault", default="none")
    parser.add_argument("--fault-step", type=int, default=30)
    return parser.parse_args()


if __name__ == "__main__":
    main()

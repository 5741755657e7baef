"""One rank: `torchrun ... -m examples.tensor_training.worker`. Half of each layer, as in Megatron-LM.

The first matrix is split by columns, the second by rows: so the pair adds up once forward and once backward.
What the SDK needs is marked.
"""

from __future__ import annotations

import argparse
import os
import time

from examples.harness.slow_link import slow_down
from examples.tensor_training.layout import LINK_S, PAIRS, SLOW_PAIR, SLOW_RANK, SLOW_S, host_of, pair_of

import rootspan

WIDTH, HIDDEN, ROWS = 128, 256, 32


def main() -> None:
    """Train until the asked number of steps is done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="localhost:4317")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--fault", default="none")
    parser.add_argument("--fault-step", type=int, default=30)
    asked = parser.parse_args()
    rank = int(os.environ["RANK"])
    is_broken = [False]
    sums_of_pair: list[object] = []
    if asked.fault == "slow-link" and rank in pair_of(SLOW_PAIR):
        slow_down("all_reduce", lambda given: LINK_S * (is_broken[0] and sums_of_pair[0] in given))
    place = {"host.name": host_of(rank), "gpu.index": 0}
    rootspan.init("tensor-trainer", asked.endpoint, resource=place, instrument=["torch"])  # SDK

    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    pair = [dist.new_group(pair_of(one)) for one in range(PAIRS)][rank // 2]
    sums_of_pair.append(pair)
    replicas = [dist.new_group(list(range(one, 2 * PAIRS, 2))) for one in range(2)][rank % 2]
    torch.manual_seed(rank % 2)
    first = (torch.randn(WIDTH, HIDDEN // 2) / WIDTH**0.5).requires_grad_()
    second = (torch.randn(HIDDEN // 2, WIDTH) / HIDDEN**0.5).requires_grad_()
    for step in range(asked.steps):
        is_broken[0] = step >= asked.fault_step
        with rootspan.train_step(step):  # SDK
            x = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(step * PAIRS + rank // 2))
            x.requires_grad_()
            with rootspan.phase("forward"):  # SDK
                part = torch.tanh(x @ first) @ second
                if asked.fault == "slow-worker" and is_broken[0] and rank == SLOW_RANK:
                    time.sleep(SLOW_S)
                y = part.detach().clone()
                dist.all_reduce(y, group=pair)
            with rootspan.phase("backward"):  # SDK
                part.backward(2 * y / y.numel())
                assert x.grad is not None
                dist.all_reduce(x.grad, group=pair)
            with torch.no_grad():
                for weights in (first, second):
                    assert weights.grad is not None
                    dist.all_reduce(weights.grad, group=replicas)
                    weights.sub_(weights.grad, alpha=0.01)
                    weights.grad = None
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""One rank: `torchrun ... -m examples.ddp_training.worker`. A small network learns, and the SDK looks on.

The three lines of the SDK are marked. The rest is a plain DDP trainer, and the faults.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Iterator

from examples.ddp_training.faults import HANG_S, SLOW_S, Fault, host_of

import rootspan

SIZE, HIDDEN, BATCH = 256, 512, 64


def main() -> None:
    """Train until the asked number of steps is done."""
    asked = _arguments()
    rank = int(os.environ["RANK"])
    place = {"host.name": host_of(rank), "gpu.index": 0}
    rootspan.init("ddp-trainer", asked.endpoint, resource=place, instrument=["torch"])  # 1

    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    fault = Fault(asked.fault, asked.fault_step, rank)
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Linear(SIZE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
    )
    model = DistributedDataParallel(layers, bucket_cap_mb=1)
    rootspan.training.watch_model(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(rank)

    def load() -> Iterator[torch.Tensor]:
        for step in range(asked.steps):
            if fault.strikes("slow-loader", step):
                time.sleep(SLOW_S)
            yield torch.randn(BATCH, SIZE, generator=generator)

    for step, batch in enumerate(rootspan.training.batches(load())):  # 2
        with rootspan.train_step(step) as running:  # 3
            if fault.strikes("killed-rank", step):
                os.kill(os.getpid(), signal.SIGKILL)
            if fault.strikes("hung-collective", step) and step == fault.first_step:
                time.sleep(HANG_S)
            output = model(batch)
            if fault.strikes("slow-rank", step):
                with rootspan.phase("forward"):  # a GPU that computes at half its speed
                    time.sleep(SLOW_S)
            loss = ((output - batch.sum(dim=1, keepdim=True)) ** 2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            mean = loss.detach()
            dist.all_reduce(mean)
            running.record(loss=float(mean) / dist.get_world_size(), tokens=BATCH)
            if asked.checkpoints and rank == 0 and step % 20 == 19:
                path = os.path.join(asked.checkpoints, f"step-{step}.pt")
                with rootspan.checkpoint("save", path=path):
                    torch.save(model.state_dict(), path)
    checksum = sum(float(weights.detach().double().sum()) for weights in model.parameters())
    print(f"rank {rank}: weights {checksum!r}, next random number {float(torch.rand(1))!r}", flush=True)
    dist.destroy_process_group()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="localhost:4317")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--fault", default="none")
    parser.add_argument("--fault-step", type=int, default=30)
    parser.add_argument("--checkpoints", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""One rank: `torchrun ... -m examples.elastic_training.worker`. Trains from the latest checkpoint on.

What the SDK needs is marked. The rest is a plain elastic trainer, and the faults.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import time
from pathlib import Path
from typing import Any

from examples.elastic_training.faults import (
    HANG_S,
    LATE_S,
    SAVE_EVERY,
    SLOW_BYTES_PER_S,
    host_of,
    struck_rank,
)

import rootspan

SIZE, HIDDEN, BATCH = 256, 512, 32
DEVICE_S = 0.02
"""What a GPU would take for a pass, beside the small one that is computed here: ranks share this machine's
cores, and how is nobody's fault."""


def main() -> None:
    """Train until the asked number of steps is done."""
    asked = _arguments()
    rank, folder = int(os.environ["RANK"]), Path(asked.checkpoints)
    struck = rank == struck_rank(asked.fault, int(os.environ["WORLD_SIZE"]))
    place = {
        "host.name": host_of(rank, int(os.environ["LOCAL_WORLD_SIZE"])),
        "gpu.index": int(os.environ["LOCAL_RANK"]),
    }
    rootspan.init("elastic-trainer", asked.endpoint, resource=place, instrument=["torch"])  # SDK

    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    if struck and asked.fault == "late-joiner":
        time.sleep(LATE_S)  # its image is pulled, its disk is mounted, …
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(SIZE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, SIZE), nn.ReLU())
    first = _load(folder, layers)
    model = DistributedDataParallel(layers, bucket_cap_mb=1)
    rootspan.training.watch_model(model)  # SDK
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    if rank == 0:
        print(f"# first step {first} of {dist.get_world_size()} ranks", flush=True)
    for step in range(first, asked.steps):
        strikes = struck and step >= asked.fault_step
        with rootspan.train_step(step) as running:  # SDK
            if strikes and asked.fault == "restart" and _is_first(folder):
                os.kill(os.getpid(), signal.SIGKILL)
            if strikes and asked.fault == "hung-collective" and step == asked.fault_step:
                time.sleep(HANG_S)
            batch = torch.randn(BATCH, SIZE)
            with rootspan.phase("forward"):
                time.sleep(DEVICE_S)
            loss = ((model(batch) - batch) ** 2).mean()
            with rootspan.phase("backward"):
                time.sleep(DEVICE_S)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            mean = loss.detach()
            dist.all_reduce(mean)
            running.record(loss=float(mean) / dist.get_world_size(), tokens=BATCH)  # SDK
            if rank == 0 and step % SAVE_EVERY == SAVE_EVERY - 1:
                path = folder / f"step-{step:06d}.pt"
                with rootspan.checkpoint("save", path=str(path)):  # SDK
                    _save(path, layers, slow=strikes and asked.fault == "checkpoint-stall")
    dist.destroy_process_group()


def _load(folder: Path, layers: Any) -> int:
    """Take over the latest checkpoint. Returns the step after it, 0 without one."""
    import torch

    saved = sorted(folder.glob("step-*.pt"))
    if not saved:
        return 0
    with rootspan.checkpoint("load", path=str(saved[-1])):  # SDK
        layers.load_state_dict(torch.load(saved[-1]))
    return int(saved[-1].stem.partition("-")[2]) + 1


def _save(path: Path, layers: Any, *, slow: bool) -> None:
    """Write a checkpoint, whole or not at all."""
    import torch

    state = io.BytesIO()
    torch.save(layers.state_dict(), state)
    if slow:
        time.sleep(len(state.getbuffer()) / SLOW_BYTES_PER_S)
    partial = path.with_suffix(".partial")
    partial.write_bytes(state.getbuffer())
    partial.rename(path)


def _is_first(folder: Path) -> bool:
    """Whether nobody was killed yet: a node's count of restarts does not tell."""
    try:
        (folder / "killed").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="localhost:4317")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--fault", default="none")
    parser.add_argument("--fault-step", type=int, default=30)
    parser.add_argument("--checkpoints", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()

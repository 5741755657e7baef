"""One rank of a job that looks at what our hooks leave as it was; it prints what it found as JSON."""

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import irecv as irecv_before
from torch.distributed import isend as isend_before
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import rootspan
from rootspan.training.recorder import recorder
from rootspan.training.ring import CHANNEL, ENDED_NS, OP, PEER, SEQ


def train(watched: bool) -> tuple[list[bytes], str]:
    """Weights after four steps, and what the random number generators say next."""
    torch.manual_seed(7)
    random.seed(7)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(30, 50), nn.Tanh(), nn.Linear(50, 3)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if watched:
        rootspan.training.watch_model(model)
    torch.manual_seed(100 + dist.get_rank())
    for number in range(4):
        if watched:
            with rootspan.train_step(number), rootspan.span("anything"):
                _step(model, optimizer)
        else:
            _step(model, optimizer)
    weights = [one.detach().numpy().tobytes() for one in model.parameters()]
    return weights, f"{random.random()!r} {float(torch.rand(1))!r}"


def _step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model(torch.randn(8, 30)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def batched_pairs() -> list[list[Any]]:
    """A ring of sends and receives, with the functions as they were imported before and after us."""
    rank, size = dist.get_rank(), dist.get_world_size()
    following, preceding = (rank + 1) % size, (rank - 1) % size
    received = torch.zeros(2, 4)
    before = recorder().ring.n_added
    for k, (send, receive) in enumerate([(isend_before, irecv_before), (dist.isend, dist.irecv)]):
        operations = [
            dist.P2POp(send, torch.full((4,), float(rank)), following),
            dist.P2POp(receive, received[k], preceding),
        ]
        for work in dist.batch_isend_irecv(operations):
            work.wait()
    assert received.tolist() == [[float(preceding)] * 4] * 2
    records, _ = recorder().ring.since(before)
    return [[record[OP], record[PEER], record[SEQ]] for record in records]


def fsdp_operations() -> tuple[list[str], list[str]]:
    """What FSDP calls in one step, and the step's phases."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    for layer in model:
        fully_shard(layer)
    fully_shard(model)
    rootspan.training.watch_model(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = recorder().ring.n_added
    with rootspan.train_step(50):
        step = recorder().step
        assert step is not None
        model(torch.randn(2, 8)).sum().backward()
        optimizer.step()
    records, _ = recorder().ring.since(before)
    return sorted({record[OP] for record in records}), sorted(step.own_ns)


def compiled_sum() -> float:
    """An all-reduce within torch.compile, which must see through our wrapper or refuse the graph."""

    @torch.compile(fullgraph=True, backend="eager")
    def reduce(x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        dist.all_reduce(y)
        return y

    return float(reduce(torch.ones(1)))


def groups() -> list[list[Any]]:
    """Collectives of a group that not all ranks are in."""
    pair = dist.new_group([0, 1])
    before = recorder().ring.n_added
    for _ in range(2):
        dist.all_reduce(torch.ones(1), group=pair)
    dist.all_gather_object([None] * dist.get_world_size(), {"rank": dist.get_rank()})
    records, _ = recorder().ring.since(before)
    dist.barrier()
    return [
        [record[OP], list(record[CHANNEL].ranks), record[SEQ], bool(record[ENDED_NS])] for record in records
    ]


def main() -> None:
    """Find out, print."""
    rootspan.init("hooks", "127.0.0.1:1", exit_timeout_s=0, instrument=["torch"])
    dist.init_process_group("gloo")
    found = {
        "rank": dist.get_rank(),
        "same": train(watched=False) == train(watched=True),
        "pairs": batched_pairs(),
        "fsdp": fsdp_operations(),
        "compiled": compiled_sum(),
        "groups": groups(),
    }
    # In one write: the ranks share a pipe, and a line of two writes can be torn apart by another's.
    sys.stdout.flush()
    os.write(1, f"{json.dumps(found)}\n".encode())
    dist.destroy_process_group()


if __name__ == "__main__":
    main()

"""What training telemetry costs: a recorded collective, and the step of a real job of four ranks, on against
off.

Run: python -m bench.sdk_training [--pairs 8] [--ranks 4]. The job (torchrun, gloo, DDP, CPU) goes through
blocks of steps in turn without telemetry, with summaries alone, and with every phase and collective sent, all
ranks alike and all within one process each, so that what else the machine does hits all three. A block with
telemetry ends with `rootspan.flush()` inside its time: what was made is paid. The collector is a gRPC server
that drops what it gets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

import rootspan

MODES = ("off", "suspects", "all")
STEPS = 12
WIDTH, BATCH = 512, 1024


def main() -> None:
    """Print the figures."""
    if "--worker" in sys.argv:
        _work(json.loads(sys.argv[-1]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--ranks", type=int, default=4)
    asked = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}")
    _print_calls()
    from examples.torchrun import run_ranks

    with _sink() as address:
        told = json.dumps({"endpoint": address, "pairs": asked.pairs})
        ended = run_ranks("bench.sdk_training", ["--worker", told], ranks=asked.ranks, job="bench")
    if ended.status:
        raise SystemExit(ended.output)
    (line,) = [line for line in ended.output.splitlines() if line.startswith('{"off"')]
    blocks: dict[str, list[tuple[float, float]]] = json.loads(line)
    for k, what in enumerate(("step time", "CPU of a step")):
        usual_ms = statistics.median(block[k] for block in blocks["off"]) * 1e3
        print(f"{what} of {asked.ranks} ranks, off: {usual_ms:.1f} ms, median of {asked.pairs} blocks")
        for mode in MODES[1:]:
            losses = [on[k] / off[k] - 1 for on, off in zip(blocks[mode], blocks["off"], strict=True)]
            low, high = _interval(losses)
            loss = statistics.median(losses)
            print(f"  detail={mode!r}: {loss:+.2%}, 90 % interval {low:+.2%} to {high:+.2%}")


def _print_calls() -> None:
    """Cost of the wrapper alone: what it wraps does nothing."""
    import torch
    import torch.distributed as dist

    from rootspan.training import distributed

    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    tensor, work = torch.ones(1000), dist.all_reduce(torch.ones(1), async_op=True)
    where = distributed._COLLECTIVES["all_reduce"]
    reduce = distributed._wrap_collective("all_reduce", lambda *_, **__: None, where)
    reduce_async = distributed._wrap_collective("all_reduce", lambda *_, **__: work, where)
    send = distributed._wrap_pair("send", lambda *_, **__: None, "dst", "group_dst", True)

    def nothing(*_: object, **__: object) -> None: ...

    with rootspan.train_step(0):
        base = _each_us(lambda: nothing(tensor))
        for name, call in {
            "all_reduce": lambda: reduce(tensor),
            "send": lambda: send(tensor, 0),
            "all_reduce, async (with torch's future)": lambda: reduce_async(tensor, async_op=True),
        }.items():
            print(f"recorded {name}: {_each_us(call) - base:.2f} µs")
    dist.destroy_process_group()


def _each_us(call: Callable[[], object], n: int = 20_000) -> float:
    best = float("inf")
    for _ in range(7):
        begin = time.perf_counter()
        for _ in range(n):
            call()
        best = min(best, (time.perf_counter() - begin) / n * 1e6)
    return best


def _interval(values: list[float]) -> tuple[float, float]:
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return medians[100], medians[1899]


@contextmanager
def _sink() -> Iterator[str]:
    """A collector that drops what it gets, unread."""

    class Drop(grpc.GenericRpcHandler):
        def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(Drop(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(5)


def _work(told: dict[str, Any]) -> None:
    """One rank."""
    rootspan.init("bench", told["endpoint"], instrument=["torch"])
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    dist.init_process_group("gloo")

    def build(watched: bool) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layers = nn.Sequential(
            nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1)
        )
        model = DistributedDataParallel(layers, bucket_cap_mb=4)
        if watched:
            rootspan.training.watch_model(model)
        return model, torch.optim.SGD(model.parameters(), lr=1e-3)

    sides = {False: build(False), True: build(True)}
    batches = [torch.randn(BATCH, WIDTH) for _ in range(STEPS)]

    def step(watched: bool, batch: torch.Tensor) -> None:
        model, optimizer = sides[watched]
        loss = model(batch).pow(2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.detach()
        dist.all_reduce(mean)

    numbers = iter(range(1_000_000))

    def block(mode: str) -> tuple[float, float]:
        watched = mode != "off"
        if watched:
            rootspan.training.set_detail(mode)
        dist.barrier()
        begin, begin_cpu = time.perf_counter(), time.process_time()
        with _switched(on=watched):
            if watched:
                for batch in rootspan.training.batches(batches):
                    with rootspan.train_step(next(numbers)) as running:
                        step(True, batch)
                        running.record(tokens=BATCH)
            else:
                for batch in batches:
                    step(False, batch)
        dist.barrier()
        took_s = time.perf_counter() - begin
        rootspan.flush()
        cpu_s = torch.tensor(time.process_time() - begin_cpu)
        dist.all_reduce.__wrapped__(cpu_s)
        return took_s / STEPS, float(cpu_s) / dist.get_world_size() / STEPS

    found: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
    for mode in MODES:
        block(mode)  # warms up
    for turn in range(told["pairs"]):
        for mode in MODES if turn % 2 == 0 else MODES[::-1]:
            found[mode].append(block(mode))
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


@contextmanager
def _switched(*, on: bool) -> Iterator[None]:
    """Have a block run as if torch had never been hooked into, unless `on`."""
    if on:
        yield
        return
    import torch
    import torch.distributed as dist
    from torch.optim import optimizer

    hooks = (optimizer._global_optimizer_pre_hooks, optimizer._global_optimizer_post_hooks)
    kept = [dict(registry) for registry in hooks]
    reduce, backward = dist.all_reduce, torch.autograd.backward
    dist.all_reduce, torch.autograd.backward = reduce.__wrapped__, backward.__wrapped__
    for registry in hooks:
        registry.clear()
    try:
        yield
    finally:
        dist.all_reduce, torch.autograd.backward = reduce, backward
        for registry, entries in zip(hooks, kept, strict=True):
            registry.update(entries)


if __name__ == "__main__":
    main()

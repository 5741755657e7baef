"""Phases and collectives that a PyTorch program need not name: forward, backward, optimizer, DDP's buckets.

Owns the hooks. They are PyTorch's own where it has any; `torch.autograd.backward` has none and is wrapped.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import optimizer

from rootspan.training.distributed import channel_of
from rootspan.training.phases import Phase
from rootspan.training.recorder import recorder
from rootspan.training.ring import Wait, close

_logger = logging.getLogger("rootspan")


def install() -> None:
    """Have backward passes and optimizers be phases, once, for the whole process."""
    if getattr(torch.autograd.backward, _MARK, False):
        return
    torch.autograd.backward = _phase_around(torch.autograd.backward, "backward")
    open_phases: dict[int, Phase] = {}

    def begin(stepping: Any, _args: object, _kwargs: object) -> None:
        if _in_phase("optimizer"):
            return
        open_phases[id(stepping)] = Phase("optimizer", None, {}).__enter__()

    def end(stepping: Any, _args: object, _kwargs: object) -> None:
        begun = open_phases.pop(id(stepping), None)
        if begun is not None:
            begun.__exit__(None, None, None)

    optimizer.register_optimizer_step_pre_hook(begin)
    optimizer.register_optimizer_step_post_hook(end)


def watch_model(model: nn.Module) -> None:
    """Have a model's forward pass be the phase "forward" ("eval" in eval mode), and see DDP's collectives.

    For DistributedDataParallel this registers a communication hook that computes what DDP computes without
    one, bit for bit. DDP takes one hook only: where you have your own, it stays, and DDP's buckets remain
    unseen.
    """
    running: list[Phase] = []

    def begin(module: nn.Module, _args: object) -> None:
        if torch.compiler.is_dynamo_compiling():
            return
        running.append(Phase("forward" if module.training else "eval", None, {}).__enter__())

    def end(_module: nn.Module, _args: object, _output: object) -> None:
        if torch.compiler.is_dynamo_compiling():
            return
        if running:
            running.pop().__exit__(None, None, None)

    model.register_forward_pre_hook(begin)
    model.register_forward_hook(end, always_call=True)
    watch_buckets(model)


def watch_buckets(model: object) -> None:
    """See DDP's collectives, if the model is DistributedDataParallel; `watch_model` says how."""
    if isinstance(model, DistributedDataParallel):
        try:
            # DDP reads annotations and takes none but its own: it is shown a function without any.
            model.register_comm_hook(model.process_group, _unannotated(_reduce))
        except (RuntimeError, TypeError, ValueError) as err:
            _logger.info("DDP's buckets are not recorded, this model has a communication hook: %s", err)


def _reduce(group: dist.ProcessGroup, bucket: Any) -> torch.futures.Future[torch.Tensor]:
    buffer = bucket.buffer()
    # DDP without a hook multiplies by the reciprocal; dividing rounds differently.
    buffer.mul_(1.0 / group.size())
    channel, now = channel_of(group), recorder()
    if channel is None:
        raise RuntimeError("DDP reduces a bucket in a group that this rank is no member of")
    record = now.ring.open("all_reduce", channel, buffer.nbytes, now.step, Wait.AT_PHASE_END)
    try:
        options = dist.AllreduceOptions()
        work = group.allreduce([buffer], options)
    except BaseException as err:
        close(record, type(err).__name__)
        raise

    # One callback for the end and for what DDP is to get: each takes the interpreter from another thread.
    def ended(done: torch.futures.Future[list[torch.Tensor]]) -> torch.Tensor:
        try:
            (reduced,) = done.value()
        except Exception as err:
            close(record, type(err).__name__)
            raise
        close(record)
        return reduced

    future: torch.futures.Future[torch.Tensor] = work.get_future().then(ended)
    return future


def _unannotated(hook: Callable[..., Any]) -> Callable[..., Any]:
    hook.__annotations__ = {}
    return hook


_MARK = "_rootspan_installed"


def _in_phase(name: str) -> bool:
    step = recorder().step
    return step is not None and step.phase is not None and step.phase.name == name


def _phase_around(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def measured(*args: Any, **kwargs: Any) -> Any:
        # Within itself (activation checkpointing runs a backward in a backward) it is one phase.
        if torch.compiler.is_dynamo_compiling() or _in_phase(name):
            return original(*args, **kwargs)
        with Phase(name, None, {}):
            return original(*args, **kwargs)

    setattr(measured, _MARK, True)
    return measured

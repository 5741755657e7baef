"""Records the collectives that a program calls through `torch.distributed`.

Owns what is wrapped and how each call's group, size and end are found. A wrapped call does what it did,
raises what it raised, and is left alone while torch.compile looks at it. Collectives that C++ starts by
itself (DDP's reducer) do not pass here; `hooks` sees to those.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import time_ns
from typing import Any, Protocol, cast

import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

from rootspan.spans.scope import end_span
from rootspan.training.recorder import recorder
from rootspan.training.ring import CHANNEL, ENDED_NS, PEER, SEQ, Channel, Record, Wait, close

_logger = logging.getLogger("rootspan")
Call = Callable[..., Any]

# Operation: position and name of the tensor whose bytes count (what this rank moves), positions of group and
# async_op. As in torch 2.4 to 2.13; the newer names are left out where they do not exist.
_COLLECTIVES = {
    "all_reduce": (0, "tensor", 2, 3),
    "broadcast": (0, "tensor", 2, 3),
    "reduce": (0, "tensor", 3, 4),
    "all_gather": (1, "tensor", 2, 3),
    "all_gather_into_tensor": (1, "input_tensor", 2, 3),
    "all_gather_single": (1, "input_tensor", 2, 3),
    "reduce_scatter": (1, "input_list", 3, 4),
    "reduce_scatter_tensor": (1, "input", 3, 4),
    "reduce_scatter_single": (1, "input", 3, 4),
    "all_to_all": (1, "input_tensor_list", 2, 3),
    "all_to_all_single": (1, "input", 4, 5),
    "gather": (0, "tensor", 3, 4),
    "scatter": (0, "tensor", 3, 4),
    "barrier": (99, "", 0, 1),
    # What is pickled has no size before; they always block.
    "all_gather_object": (99, "", 2, 99),
    "broadcast_object_list": (99, "", 2, 99),
    "gather_object": (99, "", 3, 99),
    "scatter_object_list": (99, "", 3, 99),
}
# Operation: its direction, names of the peer in the job and in the group, and whether it blocks.
_PAIRS = {
    "send": ("dst", "group_dst", True),
    "recv": ("src", "group_src", True),
    "isend": ("dst", "group_dst", False),
    "irecv": ("src", "group_src", False),
}


class _Sized(Protocol):
    nbytes: int


def install() -> None:
    """Wrap `torch.distributed`, once. Names imported from it before are not wrapped: call this early."""
    with _installing:
        if getattr(dist, _MARK, False):
            return
        setattr(dist, _MARK, True)
        for name, where in _COLLECTIVES.items():
            original = getattr(dist, name, None)
            if original is not None:
                _replace(name, _wrap_collective(name, original, where))
        for name, (peer, group_peer, blocking) in _PAIRS.items():
            _replace(name, _wrap_pair(name, getattr(dist, name), peer, group_peer, blocking))
        dist.init_process_group = _joining(dist.init_process_group)
        dist.batch_isend_irecv = _wrap_batch(dist.batch_isend_irecv)
        # P2POp takes isend and irecv only: it shall take them wrapped, too.
        check = c10d._check_op
        c10d._check_op = lambda op: check(_originals.get(op, op))
        dist.destroy_process_group = _forget_groups_after(dist.destroy_process_group)


_MARK = "_rootspan_installed"
_installing = threading.Lock()
_originals: dict[Call, Call] = {}
_channels: dict[object, Channel] = {}


def _replace(name: str, wrapper: Call) -> None:
    # In torch.distributed alone, not where it is defined: there, send() calls isend(), and one call would be
    # recorded twice.
    _originals[wrapper] = getattr(dist, name)
    setattr(dist, name, wrapper)


def channel_of(group: Any) -> Channel | None:
    """The channel of a process group (None: all ranks), or None for a group this rank is no member of.

    The label is the group's name and description, which are the same on all its ranks.
    """
    known = _channels.get(group)
    if known is not None:
        return known
    real = c10d._get_default_group() if group is None else group
    if not isinstance(real, dist.ProcessGroup):
        return None
    described = real.group_desc not in ("", "undefined")
    label = f"{real.group_name}:{real.group_desc}" if described else real.group_name
    made = recorder().channels.setdefault(label, Channel(label, tuple(dist.get_process_group_ranks(real))))
    _channels[group] = made
    return made


def note_end(work: Any, record: Record) -> None:
    """Have a record end when its work does, on whichever thread that is."""
    try:
        work.get_future().add_done_callback(partial(_end, record))
    except Exception:  # a backend without futures: the end of the call is what is known
        close(record)


def _end(record: Record, done: torch.futures.Future[Any]) -> None:
    try:
        done.value()
    except Exception as err:
        close(record, type(err).__name__)
        return
    if not record[ENDED_NS]:  # close(), without the call
        record[ENDED_NS] = time_ns()
        if record[PEER] is None:
            record[CHANNEL].last_completed = record[SEQ]


def _wrap_collective(op: str, original: Call, where: tuple[int, str, int, int]) -> Call:
    at, tensor_name, group_at, async_at = where
    at_once, later_on = int(Wait.AT_ONCE), int(Wait.LATER)
    compiling = torch.compiler.is_dynamo_compiling

    @functools.wraps(original)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        if compiling():
            return original(*args, **kwargs)
        n_args = len(args)
        group = args[group_at] if n_args > group_at else kwargs.get("group")
        channel = _channels.get(group) or _channel_or_none(group)
        if channel is None:
            return original(*args, **kwargs)
        later = args[async_at] if n_args > async_at else kwargs.get("async_op", False)
        tensor = args[at] if n_args > at else kwargs.get(tensor_name)
        try:
            size = tensor.nbytes  # type: ignore[union-attr]
        except AttributeError:
            size = _bytes_of(tensor)
        now = recorder()
        record = now.ring.open(op, channel, size, now.step, later_on if later else at_once)
        try:
            work = original(*args, **kwargs)
        except BaseException as err:
            close(record, type(err).__name__)
            raise
        if later and work is not None:
            note_end(work, record)
        else:  # close(), without the call
            record[ENDED_NS] = time_ns()
            channel.last_completed = record[SEQ]
        return work

    return recorded


def _wrap_pair(op: str, original: Call, peer_name: str, group_peer_name: str, blocking: bool) -> Call:
    # isend meets recv: both directions have one count, whether the call blocks or not.
    direction, waited = op.removeprefix("i"), int(Wait.AT_ONCE if blocking else Wait.LATER)
    compiling = torch.compiler.is_dynamo_compiling

    @functools.wraps(original)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        if compiling():
            return original(*args, **kwargs)
        group = args[2] if len(args) > 2 else kwargs.get("group")
        channel = _channels.get(group) or _channel_or_none(group)
        if channel is None:
            return original(*args, **kwargs)
        peer = args[1] if len(args) > 1 else kwargs.get(peer_name)
        group_peer = args[4] if len(args) > 4 else kwargs.get(group_peer_name)
        if peer is None and group_peer is not None and channel.ranks:
            peer = channel.ranks[group_peer]
        tensor = args[0] if args else kwargs.get("tensor")
        now = recorder()
        size = getattr(tensor, "nbytes", 0)
        record = now.ring.open_pair(direction, channel, size, peer, now.step, waited)
        try:
            result = original(*args, **kwargs)
        except BaseException as err:
            close(record, type(err).__name__)
            raise
        if not blocking and result is not None:
            note_end(result, record)
            return result
        if op == "recv" and isinstance(result, int) and record[PEER] < 0:
            record[PEER] = result
        close(record)
        return result

    return recorded


def _wrap_batch(original: Call) -> Call:
    @functools.wraps(original)
    def recorded(p2p_op_list: list[dist.P2POp]) -> list[dist.Work]:
        if torch.compiler.is_dynamo_compiling():
            return cast("list[dist.Work]", original(p2p_op_list))
        records, now = [], recorder()
        for one in p2p_op_list:
            one.op = _originals.get(one.op, one.op)
            channel = _channel_or_none(one.group)
            if channel is not None:
                direction = one.op.__name__.removeprefix("i")
                size, step = _bytes_of(one.tensor), now.step
                records.append(now.ring.open_pair(direction, channel, size, one.peer, step, Wait.LATER))
        try:
            works: list[dist.Work] = original(p2p_op_list)
        except BaseException as err:
            for record in records:
                close(record, type(err).__name__)
            raise
        # One work for each, or one for all where the backend coalesces them.
        each = works if len(works) == len(records) else works[-1:] * len(records)
        for work, record in zip(each, records, strict=False):
            note_end(work, record)
        return works

    return recorded


def _channel_or_none(group: object) -> Channel | None:
    try:
        return channel_of(group)
    except Exception:  # no process group yet: the call itself says so
        return None


def _bytes_of(tensors: object) -> int:
    if tensors is None:
        return 0
    if isinstance(tensors, Sequence):
        return sum(_bytes_of(one) for one in tensors)
    return int(getattr(cast("_Sized", tensors), "nbytes", 0))


def _joining(original: Call) -> Call:
    """Joining the job: who comes first waits for who comes last, and each tells for how long."""

    @functools.wraps(original)
    def joining(*args: Any, **kwargs: Any) -> Any:
        span = recorder().begin_join()
        try:
            joined = original(*args, **kwargs)
        except BaseException as err:
            end_span(span, err)
            raise
        end_span(span, None)
        return joined

    return joining


def _forget_groups_after(original: Call) -> Call:
    @functools.wraps(original)
    def destroying(*args: Any, **kwargs: Any) -> Any:
        # A group made later may live at the address of one that is gone, and would be taken for it.
        _channels.clear()
        return original(*args, **kwargs)

    return destroying

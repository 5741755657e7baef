"""Switching training telemetry on and steering it: `watch()`, `set_detail()`, `set_parallel()`.

Owns the order in which hooks, watchdog and the end of the process are set up. Needs torch only for what it
hooks into torch.
"""

from __future__ import annotations

import atexit
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rootspan import lifecycle
from rootspan.errors import ConfigurationError, MissingExtraError
from rootspan.resource.job import AXES
from rootspan.training.detail import ControlFile, detail_of
from rootspan.training.recorder import recorder

if TYPE_CHECKING:
    from rootspan.training.watchdog import Watchdog

_logger = logging.getLogger("rootspan")
DEFAULT_HANG_AFTER_S = 30.0
_FAILS_WITHIN_S, _LAST_EXPORT_S = 1.0, 5.0
"""Together within what `termination` allows. A collective that waits for a dead rank may fail by itself yet,
which tells the death of one rank from the end of the whole job."""
_lock = threading.Lock()
_watchdog: Watchdog | None = None


def watch(
    *,
    detail: str | Iterable[int] | None = None,
    hang_after_s: float | None = None,
    control_file: str | os.PathLike[str] | None = None,
) -> None:
    """Record what PyTorch does in this rank: collectives, backward passes, optimizers; and watch for hangs.

    `rootspan.init(instrument=["torch"])` calls it with its defaults. Call it before the program imports names
    from `torch.distributed`; a second call changes the settings it names. SIGTERM delivers what waits before
    it ends the process, unless the program handles it.

    Args:
        detail: Which ranks send each phase and collective: "all", "suspects", or ranks
            (ROOTSPAN_TRAINING_DETAIL; default all in jobs of up to 16 ranks, suspects in larger ones).
        hang_after_s: From when on an incomplete collective is told, 0.1 to 86400
            (ROOTSPAN_TRAINING_HANG_AFTER_S, default 30). A job whose steps take longer gets three times its
            usual step.
        control_file: A file that is looked at once a second; writing a choice of `detail` into it changes it
            while the job runs (ROOTSPAN_TRAINING_CONTROL_FILE).

    Raises:
        ConfigurationError: An argument cannot be used.
        MissingExtraError: PyTorch is not installed.
    """
    global _watchdog
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError(
            "training.watch() needs PyTorch: pip install torch, or pip install 'rootspan[torch]'",
            extra="torch",
        )
    limit_s = _hang_after(hang_after_s)
    choice = None if detail is None else detail_of(detail)
    path = control_file or os.environ.get("ROOTSPAN_TRAINING_CONTROL_FILE") or None
    import torch

    from rootspan.gpu.cuda_events import CudaClock
    from rootspan.training import hooks, termination
    from rootspan.training.watchdog import Watchdog

    hooks.install()
    if torch.distributed.is_available():
        from rootspan.training import distributed

        distributed.install()
    with _lock:
        first = _watchdog is None
        if not first and hang_after_s is None and control_file is None:
            pass  # its settings stay
        else:
            if _watchdog is not None:
                _watchdog.stop()
            _watchdog = Watchdog(recorder, limit_s, None if path is None else ControlFile(Path(path)))
            _watchdog.start()
        if first:
            termination.install(_deliver_at_termination)
            atexit.register(_stop)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_forget)
    recorder().find_device_clock = CudaClock.of_torch
    if choice is not None:
        recorder().detail = choice


def set_detail(detail: str | Iterable[int]) -> None:
    """Change which ranks send detail, from the next step on: "all", "suspects", or ranks. Of this rank only.

    Raises:
        ConfigurationError: It is none of these.
    """
    recorder().detail = detail_of(detail)


def send_detail() -> None:
    """Send this step, or the next one, in detail, whoever else does."""
    recorder().demand()


def set_parallel(layout: object = None, /, **axes: tuple[int, int]) -> None:
    """Tell this rank's coordinates where no variable did: a `DeviceMesh`, or `tp=(rank, size)` and so on.

    `ROOTSPAN_PARALLEL="tp=2,pp=2,dp=4"` (the axis that changes fastest first) does the same for all ranks,
    and for the resource, too; coordinates told here are on the spans of the steps to come.

    Args:
        layout: A mesh whose dimensions are called dp, tp, pp or ep (or data, tensor, pipeline, expert; other
            dimensions are left out).
        **axes: Rank and size on dp, tp, pp or ep.

    Raises:
        ConfigurationError: An axis is unknown, or a rank lies outside of its size.
    """
    found = _of_mesh(layout) if layout is not None else {}
    for axis, (rank, size) in {**found, **axes}.items():
        if axis not in AXES or not 0 <= rank < size:
            raise ConfigurationError(f"{axis}=({rank}, {size}): give dp, tp, pp or ep as (rank, size)")
        found[axis] = rank, size
    now = recorder()
    now.set_place(now.place.with_parallel(found))


_MESH_NAMES: Mapping[str, str] = {"data": "dp", "tensor": "tp", "pipeline": "pp", "expert": "ep"}


def _of_mesh(layout: Any) -> dict[str, tuple[int, int]]:
    names, coordinate = layout.mesh_dim_names or (), layout.get_coordinate() or ()
    found = {}
    for position, (name, rank) in enumerate(zip(names, coordinate, strict=False)):
        axis = _MESH_NAMES.get(name, name)
        if axis in AXES:
            found[axis] = int(rank), int(layout.size(position))
    return found


def _hang_after(given: float | None) -> float:
    if given is not None:
        if isinstance(given, bool) or not 0.1 <= given <= 86_400:
            raise ConfigurationError(f"hang_after_s is {given!r}: give seconds from 0.1 to 86400")
        return float(given)
    text = os.environ.get("ROOTSPAN_TRAINING_HANG_AFTER_S", "").strip()
    try:
        value = float(text) if text else DEFAULT_HANG_AFTER_S
    except ValueError:
        value = 0.0
    if 0.1 <= value <= 86_400:
        return value
    _logger.warning(
        "ROOTSPAN_TRAINING_HANG_AFTER_S=%r: give seconds from 0.1 to 86400; using %g",
        text,
        DEFAULT_HANG_AFTER_S,
    )
    return DEFAULT_HANG_AFTER_S


def _deliver_at_termination() -> None:
    now = recorder()
    deadline = time.monotonic() + _FAILS_WITHIN_S
    while now.is_waiting() and time.monotonic() < deadline:
        time.sleep(0.02)
    now.interrupt("SIGTERM")
    lifecycle.shutdown(_LAST_EXPORT_S)


def _stop() -> None:
    recorder().end_device_steps(wait_for_device=False)
    if _watchdog is not None:
        _watchdog.stop()


def _forget() -> None:
    global _watchdog
    _watchdog = None


def watch_model(model: Any) -> None:
    """Have a model's forward pass be the phase "forward" ("eval" in eval mode), and see DDP's collectives.

    DDP reduces its buckets in C++; seeing them takes its communication hook, of which it takes one. Ours
    computes what DDP computes without one, bit for bit. Where you registered your own, yours stays and DDP's
    buckets remain unseen; register it before you call this.

    Args:
        model: The outermost `torch.nn.Module`, wrapped in DistributedDataParallel or FSDP as it is trained.
    """
    from rootspan.training import hooks

    hooks.watch_model(model)

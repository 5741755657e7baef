"""Switching the sampler on: `rootspan.gpu.watch()`, or `rootspan.init(instrument=["nvml"])`.

Owns the decision whether this process samples. Without a GPU it says so once and starts nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading

from rootspan.errors import MissingExtraError
from rootspan.gpu.nvml import NvmlReader
from rootspan.gpu.sampler import GpuSampler
from rootspan.resource.job import detect

_logger = logging.getLogger("rootspan")
_lock = threading.Lock()
_sampler: GpuSampler | None = None


def watch(*, every_rank: bool = False) -> bool:
    """Send this host's GPUs as metrics, each time metrics are collected (OTEL_METRIC_EXPORT_INTERVAL).

    Args:
        every_rank: Whether each rank of a job does; otherwise the first on each host does, for all its GPUs.

    Returns:
        Whether this process samples. False where there is no GPU or driver, which is told in one log line,
        and on ranks that leave it to another.

    Raises:
        MissingExtraError: nvidia-ml-py is not installed.
    """
    global _sampler
    if importlib.util.find_spec("pynvml") is None:
        raise MissingExtraError("gpu.watch() needs nvidia-ml-py: pip install 'rootspan[gpu]'", extra="gpu")
    place = detect()
    if place is not None and place.local_rank and not every_rank:
        return False
    with _lock:
        if _sampler is not None:
            return True
        reader = NvmlReader.open(importlib.import_module("pynvml"))
        if isinstance(reader, str):
            _logger.info("no GPU metrics: %s", reader)
            return False
        _sampler = GpuSampler(reader)
        _sampler.start()
        return True

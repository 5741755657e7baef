"""How long tasks wait for a processor: Linux's pressure stall information, of the machine or of cgroups.

Owns the reading; a gauge of it is observed each time metrics are collected. Source of the format and of what
"some" means: the kernel's Documentation/accounting/psi.rst.
"""

import glob
import logging
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from rootspan import semconv

__all__ = ["DEFAULT_PRESSURE", "Pressure"]

DEFAULT_PRESSURE: Final = "/proc/pressure/cpu"
_TOTAL: Final = re.compile(r"^some .*\btotal=(\d+)", re.MULTILINE)
_MOST_FILES: Final = 1000
_log = logging.getLogger("rootspan.agent")


class Pressure:
    """Reads files in the format of `/proc/pressure/cpu`, of cgroups too (`cpu.pressure`).

    Args:
        patterns: Of files, absolute; those that are not there, or that cannot be read, are left out.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._before: dict[str, tuple[int, float]] = {}

    def works(self) -> bool:
        """Whether there is anything to read now."""
        return any(_total_us(path) is not None for path in self._files())

    def start(self) -> None:
        """Observe from now on; after `rootspan.init`."""
        self.read()
        meter = metrics.get_meter("rootspan.agent")
        meter.create_observable_gauge(semconv.METRIC_CPU_PRESSURE, [self._observe], "1")

    def read(self) -> dict[str, float]:
        """By file, the share of the time since the last call in which a task waited for a processor, 0-1.

        A file that is seen for the first time has none yet.
        """
        found, known = {}, {}
        for path in self._files():
            total_us, now_s = _total_us(path), time.monotonic()
            if total_us is None:
                continue
            known[path] = (total_us, now_s)
            if path in self._before and now_s > self._before[path][1]:
                us, since_s = self._before[path]
                found[path] = min(1.0, max(0, total_us - us) / 1e6 / (now_s - since_s))
        self._before = known
        return found

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        for path, share in self.read().items():
            cgroup = path.removesuffix("/cpu.pressure").rpartition("/sys/fs/cgroup/")[2]
            yield Observation(share, {} if path == DEFAULT_PRESSURE else {semconv.CGROUP: cgroup})

    def _files(self) -> list[str]:
        paths = sorted({path for one in self._patterns for path in glob.glob(one, recursive=True)})
        if len(paths) > _MOST_FILES:
            _log.warning("%d files of pressure match; only %d are read", len(paths), _MOST_FILES)
        return paths[:_MOST_FILES]


def _total_us(path: str) -> int | None:
    """Microseconds since the cgroup or the machine began; None where it is not told."""
    try:
        match = _TOTAL.search(Path(path).read_text())
    except OSError:  # gone, not allowed, or switched off in this kernel
        return None
    return int(match[1]) if match else None

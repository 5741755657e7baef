"""What any process tells of itself: the processor time it takes. So who is idle is not taken for dead."""

from __future__ import annotations

import time
from collections.abc import Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation


def tell_vitals() -> None:
    """Report `process.cpu.utilization`, the share of one core since the last. After `rootspan.init`."""
    last_s, last_cpu_s = time.monotonic(), time.process_time()

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        nonlocal last_s, last_cpu_s
        now_s, cpu_s = time.monotonic(), time.process_time()
        if now_s > last_s:
            yield Observation((cpu_s - last_cpu_s) / (now_s - last_s))
        last_s, last_cpu_s = now_s, cpu_s

    meter = metrics.get_meter("examples")
    meter.create_observable_gauge("process.cpu.utilization", [observe], "1")

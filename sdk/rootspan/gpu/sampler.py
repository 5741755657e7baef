"""GPU readings as OpenTelemetry metrics, and XIDs as log events.

Owns names, units and attributes of the metrics. It has no thread: the GPUs are read when metrics are
collected, once for all instruments.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from opentelemetry import metrics
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from rootspan import semconv
from rootspan.gpu.nvml import Gpu, Reading, Xid

_logger = logging.getLogger("rootspan")
_FRESH_S = 0.5
"""Instruments are asked one after the other: within this time they share a reading."""
Attributes = Mapping[str, str | int]


class Reader(Protocol):
    """Where readings come from."""

    def read(self) -> list[Reading]:
        """One reading of each GPU."""

    def new_xids(self) -> list[Xid]:
        """Errors that the driver reported since the last call."""


class GpuSampler:
    """Observes all GPUs of a host for a meter.

    `hw.errors` is a gauge of new errors since the last collection: an error of last week is no news, and a
    counter would tell it for ever. An XID has its number as `hw.error.code`.
    """

    def __init__(
        self,
        reader: Reader,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._clock = reader, clock
        self._meter = meter or metrics.get_meter("rootspan.gpu")
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._readings: list[Reading] = []
        self._new_errors: list[tuple[Gpu, str, int | None, int]] = []
        self._known_errors: dict[tuple[str, str], int] = {}

    def start(self) -> None:
        """Register the instruments; errors count from now on."""
        self._refresh()
        gauge, counter = self._meter.create_observable_gauge, self._meter.create_observable_counter
        gauge(semconv.METRIC_GPU_UTILIZATION, [self._each(lambda r: r.utilization_ratio)], "1")
        gauge(semconv.METRIC_GPU_MEMORY_USAGE, [self._each(lambda r: r.memory_used_bytes)], "By")
        gauge(semconv.METRIC_GPU_MEMORY_LIMIT, [self._each(lambda r: r.memory_total_bytes)], "By")
        gauge(semconv.METRIC_TEMPERATURE, [self._each(lambda r: r.temperature_c)], "Cel")
        gauge(semconv.METRIC_POWER, [self._each(lambda r: r.power_w)], "W")
        counter(semconv.METRIC_ENERGY, [self._each(lambda r: r.energy_j)], "J")
        gauge(semconv.METRIC_GPU_CLOCK, [self._each(lambda r: r.sm_clock_mhz)], "MHz")
        gauge(semconv.METRIC_GPU_MEMORY_CLOCK, [self._each(lambda r: r.memory_clock_mhz)], "MHz")
        gauge(semconv.METRIC_GPU_THROTTLED, [self._throttled], "1")
        gauge(semconv.METRIC_ERRORS, [self._errors], "{error}")
        counter(semconv.METRIC_GPU_IO, [self._traffic], "By")
        gauge(semconv.METRIC_GPU_PROCESS_MEMORY, [self._processes], "By")

    def _each(
        self, value_of: Callable[[Reading], float | None]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            for reading in self._fresh():
                value = value_of(reading)
                if value is not None:
                    yield Observation(value, _identity(reading.gpu))

        return observe

    def _throttled(self, _: CallbackOptions) -> Iterable[Observation]:
        for reading in self._fresh():
            if reading.throttle_reasons is not None:
                told = dict(_identity(reading.gpu))
                if reading.throttle_reasons:
                    told[semconv.GPU_THROTTLE_REASONS] = ",".join(reading.throttle_reasons)
                yield Observation(int(bool(reading.throttle_reasons)), told)

    def _traffic(self, _: CallbackOptions) -> Iterable[Observation]:
        for reading in self._fresh():
            for way, size_bytes in reading.link_bytes.items():
                yield Observation(size_bytes, {**_identity(reading.gpu), "network.io.direction": way})

    def _processes(self, _: CallbackOptions) -> Iterable[Observation]:
        for reading in self._fresh():
            for pid, size_bytes in reading.processes.items():
                yield Observation(size_bytes, {**_identity(reading.gpu), semconv.PROCESS_PID: pid})

    def _errors(self, _: CallbackOptions) -> Iterable[Observation]:
        self._fresh()
        with self._lock:
            new, self._new_errors = self._new_errors, []
        for gpu, kind, code, count in new:
            told = {**_identity(gpu), semconv.ERROR_TYPE: kind}
            if code is not None:
                told[semconv.HW_ERROR_CODE] = str(code)
            yield Observation(count, told)

    def _fresh(self) -> Sequence[Reading]:
        with self._lock:
            stale = self._clock() - self._read_at > _FRESH_S
        if stale:
            self._refresh()
        return self._readings

    def _refresh(self) -> None:
        readings, xids = self._reader.read(), self._reader.new_xids()
        with self._lock:
            self._readings, self._read_at = readings, self._clock()
            for reading in readings:
                for kind, total in reading.errors.items():
                    known = self._known_errors.get((reading.gpu.uuid, kind))
                    self._known_errors[reading.gpu.uuid, kind] = total
                    if known is not None and total > known:
                        self._new_errors.append((reading.gpu, kind, None, total - known))
            self._new_errors += [(xid.gpu, "xid", xid.code, 1) for xid in xids]
        for xid in xids:
            _tell(xid)


def _identity(gpu: Gpu) -> Attributes:
    return {
        "hw.type": "gpu",
        semconv.HW_ID: gpu.uuid,
        semconv.HW_NAME: gpu.name,
        semconv.GPU_INDEX: gpu.index,
        semconv.GPU_PCI_ADDRESS: gpu.pci_address,
    }


def _tell(xid: Xid) -> None:
    try:
        get_logger("rootspan.gpu").emit(
            LogRecord(
                timestamp=time.time_ns(),
                context=Context(),
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body=f"Xid {xid.code} on GPU {xid.gpu.index} (PCI:{xid.gpu.pci_address}, {xid.gpu.uuid})",
                attributes={**_identity(xid.gpu), semconv.HW_ERROR_CODE: str(xid.code)},
                event_name=semconv.EVENT_GPU_XID,
            )
        )
    except Exception as err:
        _logger.warning("an XID could not be told: %s: %s", type(err).__name__, err)

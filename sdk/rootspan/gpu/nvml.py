"""Reads NVIDIA's management library: one `Reading` a GPU.

Owns which calls are made and what a GPU that lacks one means: the value is None and the call is not made
again. Knows nothing of metrics. The library is handed in; tests hand in a fake.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ALL_LINKS = 0xFFFFFFFF
_MAX_XIDS = 64
_MILLI = 1000.0
# Reasons that mean the GPU computes slower than it could; a power cap alone is how most run all day.
_THROTTLING = {
    "hw_slowdown": "nvmlClocksEventReasonHwSlowdown",
    "hw_thermal": "nvmlClocksEventReasonHwThermalSlowdown",
    "hw_power_brake": "nvmlClocksEventReasonHwPowerBrakeSlowdown",
    "sw_thermal": "nvmlClocksEventReasonSwThermalSlowdown",
}
_CAPPING = {"sw_power_cap": "nvmlClocksEventReasonSwPowerCap"}
_LINK_FIELDS = {
    "nvlink_crc": "NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "nvlink_replay": "NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "nvlink_recovery": "NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
}
_TRAFFIC_FIELDS = {
    "transmit": "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX",
    "receive": "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX",
}


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device. `pci_address` is domain:bus:device.function, in lower case."""

    index: int
    uuid: str
    pci_address: str
    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a GPU said at one moment; None is what it does not tell.

    Attributes:
        errors: Kind to how many since the driver was loaded: ecc_corrected, ecc_uncorrected, nvlink_*.
        throttle_reasons: Why its clocks are below what they could be; empty where they are not, or only by
        the
            power cap.
        capped: Whether the power cap holds its clocks down.
        link_bytes: "transmit" and "receive" to bytes over all NVLinks.
        processes: Process id to bytes of its memory.
    """

    gpu: Gpu
    utilization_ratio: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    energy_j: float | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    throttle_reasons: tuple[str, ...] | None = None
    capped: bool | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    link_bytes: Mapping[str, int] = field(default_factory=dict)
    processes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Xid:
    """An error that the driver reported, by NVIDIA's number."""

    gpu: Gpu
    code: int


class NvmlReader:
    """All GPUs of this host."""

    def __init__(self, nvml: Any, devices: Sequence[tuple[Gpu, Any]]) -> None:
        self._nvml, self._devices = nvml, tuple(devices)
        self._unsupported: set[tuple[int, str]] = set()
        self._events = self._register_events()

    @classmethod
    def open(cls, nvml: Any) -> NvmlReader | str:
        """Start the library. Returns why not, where there is no driver or no GPU."""
        try:
            nvml.nvmlInit()
            handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
            devices = [(_describe(nvml, i, handle), handle) for i, handle in enumerate(handles)]
        except nvml.NVMLError as err:
            return f"NVML says {err}"
        return cls(nvml, devices) if devices else "this host has no NVIDIA GPU"

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The devices, by index."""
        return tuple(gpu for gpu, _ in self._devices)

    def read(self) -> list[Reading]:
        """Ask every GPU. Never raises: a GPU that fell off the bus tells nothing more."""
        return [self._read(gpu, handle) for gpu, handle in self._devices]

    def new_xids(self) -> list[Xid]:
        """Errors since the last call, at most 64."""
        found: list[Xid] = []
        if self._events is None:
            return found
        by_index = {gpu.index: gpu for gpu in self.gpus}
        with contextlib.suppress(self._nvml.NVMLError):  # a timeout: none is left
            while len(found) < _MAX_XIDS:
                event = self._nvml.nvmlEventSetWait_v2(self._events, 0)
                gpu = by_index.get(self._nvml.nvmlDeviceGetIndex(event.device))
                if gpu is not None:
                    found.append(Xid(gpu, int(event.eventData)))
        return found

    def close(self) -> None:
        """Give the library back."""
        with contextlib.suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def _read(self, gpu: Gpu, handle: Any) -> Reading:
        nvml = self._nvml

        def ask(name: str, *arguments: Any) -> Any:
            return self._ask(gpu, f"{name}{arguments}", lambda: getattr(nvml, name)(handle, *arguments))

        utilization, memory = ask("nvmlDeviceGetUtilizationRates"), ask("nvmlDeviceGetMemoryInfo")
        power_mw, energy_mj = ask("nvmlDeviceGetPowerUsage"), ask("nvmlDeviceGetTotalEnergyConsumption")
        mask = ask("nvmlDeviceGetCurrentClocksEventReasons")
        temperature_c = ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU)
        errors = {}
        for kind, constant in (
            ("ecc_corrected", nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            ("ecc_uncorrected", nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
        ):
            errors[kind] = ask("nvmlDeviceGetTotalEccErrors", constant, nvml.NVML_VOLATILE_ECC)
        errors |= self._fields(gpu, handle, _LINK_FIELDS)
        traffic_kib = self._fields(gpu, handle, _TRAFFIC_FIELDS)
        processes = ask("nvmlDeviceGetComputeRunningProcesses") or []
        return Reading(
            gpu,
            utilization_ratio=None if utilization is None else utilization.gpu / 100,
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            temperature_c=None if temperature_c is None else float(temperature_c),
            power_w=None if power_mw is None else power_mw / _MILLI,
            energy_j=None if energy_mj is None else energy_mj / _MILLI,
            sm_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            throttle_reasons=None if mask is None else self._reasons(mask, _THROTTLING),
            capped=None if mask is None else bool(self._reasons(mask, _CAPPING)),
            errors={kind: count for kind, count in errors.items() if count is not None},
            link_bytes={way: kib * 1024 for way, kib in traffic_kib.items()},
            processes={one.pid: int(one.usedGpuMemory or 0) for one in processes},
        )

    def _ask(self, gpu: Gpu, what: str, call: Callable[[], Any]) -> Any:
        if (gpu.index, what) in self._unsupported:
            return None
        try:
            return call()
        except (self._nvml.NVMLError_NotSupported, self._nvml.NVMLError_FunctionNotFound, AttributeError):
            self._unsupported.add((gpu.index, what))
        except self._nvml.NVMLError:
            pass  # lost for now: asked again next time
        return None

    def _fields(self, gpu: Gpu, handle: Any, names: Mapping[str, str]) -> dict[str, int]:
        nvml = self._nvml
        ids = [(getattr(nvml, name), _ALL_LINKS) for name in names.values()]
        values = self._ask(gpu, str(names), lambda: nvml.nvmlDeviceGetFieldValues(handle, ids))
        found = {}
        for kind, value in zip(names, values or (), strict=False):
            if value.nvmlReturn == nvml.NVML_SUCCESS:
                wide = value.valueType in (
                    nvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG,
                    nvml.NVML_VALUE_TYPE_UNSIGNED_LONG,
                )
                found[kind] = int(value.value.ullVal if wide else value.value.uiVal)
        return found

    def _reasons(self, mask: int, names: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(word for word, name in names.items() if mask & getattr(self._nvml, name, 0))

    def _register_events(self) -> Any:
        nvml, registered = self._nvml, False
        try:
            events = nvml.nvmlEventSetCreate()
        except nvml.NVMLError:
            return None
        for _, handle in self._devices:
            with contextlib.suppress(nvml.NVMLError):  # virtual machines and MIG slices may refuse
                nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)
                registered = True
        return events if registered else None


def _describe(nvml: Any, index: int, handle: Any) -> Gpu:
    bus_id = _text(nvml.nvmlDeviceGetPciInfo(handle).busId).lower()
    return Gpu(index, _text(nvml.nvmlDeviceGetUUID(handle)), bus_id, _text(nvml.nvmlDeviceGetName(handle)))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

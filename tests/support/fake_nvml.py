"""NVIDIA's management library as a fake, whose state a test sets; constants and errors are the real ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml

__all__ = ["FakeNvml"]


class FakeNvml:
    """Stands in for the module `pynvml`; handles are indexes.

    Attributes:
        n: How many GPUs there are.
        state: By GPU, what each call answers; an exception is raised. Without an answer: not supported.
        xids: Events that wait, as (GPU, number).
        asked: Names of the calls made, in order.
    """

    def __init__(self, n: int = 2) -> None:
        self.n = n
        self.state: list[dict[str, Any]] = [healthy(index) for index in range(n)]
        self.xids: list[tuple[int, int]] = []
        self.asked: list[str] = []
        self.init_error: pynvml.NVMLError | None = None

    def nvmlInit(self) -> None:  # noqa: N802
        if self.init_error is not None:
            raise self.init_error

    def nvmlShutdown(self) -> None: ...  # noqa: N802

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.n

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetIndex(self, handle: int) -> int:  # noqa: N802
        return handle

    def nvmlEventSetCreate(self) -> str:  # noqa: N802
        return "events"

    def nvmlDeviceRegisterEvents(self, handle: int, kinds: int, events: object) -> None:  # noqa: N802
        assert kinds == pynvml.nvmlEventTypeXidCriticalError

    def nvmlEventSetWait_v2(self, events: object, timeout_ms: int) -> SimpleNamespace:  # noqa: N802
        assert timeout_ms == 0
        if not self.xids:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_TIMEOUT)
        device, code = self.xids.pop(0)
        return SimpleNamespace(device=device, eventData=code)

    def nvmlDeviceGetFieldValues(self, handle: int, ids: list[tuple[int, int]]) -> list[SimpleNamespace]:  # noqa: N802
        answers = self.state[handle]["fields"]
        return [
            SimpleNamespace(
                nvmlReturn=pynvml.NVML_SUCCESS if field in answers else pynvml.NVML_ERROR_NOT_SUPPORTED,
                valueType=pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG,
                value=SimpleNamespace(ullVal=answers.get(field, 0)),
            )
            for field, _ in ids
        ]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("nvmlDeviceGet"):
            return getattr(pynvml, name)

        def call(handle: int, *arguments: Any) -> Any:
            self.asked.append(name)
            answers = self.state[handle]
            key = (name, *arguments) if (name, *arguments) in answers else name
            if key not in answers:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            if isinstance(answers[key], Exception):
                raise answers[key]
            return answers[key]

        return call


def healthy(index: int) -> dict[str, Any]:
    """What a GPU at work answers."""
    corrected, uncorrected = (
        pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
        pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
    )
    return {
        "nvmlDeviceGetUUID": f"GPU-{index}",
        "nvmlDeviceGetName": b"NVIDIA H100",
        "nvmlDeviceGetPciInfo": SimpleNamespace(busId=f"00000000:{0x1A + index:02X}:00.0"),
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=97, memory=40),
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=60 << 30, total=80 << 30),
        "nvmlDeviceGetTemperature": 61,
        "nvmlDeviceGetPowerUsage": 512_345,
        "nvmlDeviceGetTotalEnergyConsumption": 9_000_000,
        ("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_SM): 1980,
        ("nvmlDeviceGetClockInfo", pynvml.NVML_CLOCK_MEM): 2619,
        "nvmlDeviceGetCurrentClocksEventReasons": pynvml.nvmlClocksEventReasonSwPowerCap,
        ("nvmlDeviceGetTotalEccErrors", corrected, pynvml.NVML_VOLATILE_ECC): 3,
        ("nvmlDeviceGetTotalEccErrors", uncorrected, pynvml.NVML_VOLATILE_ECC): 0,
        "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=4711, usedGpuMemory=59 << 30)],
        "fields": {
            pynvml.NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL: 0,
            pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX: 10,
            pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX: 20,
        },
    }

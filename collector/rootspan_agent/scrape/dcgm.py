"""NVIDIA's DCGM exporter under the names, units and attributes that rootspan's own GPU sampler uses.

Source of fields and units: dcgm-exporter's etc/default-counters.csv, and DCGM's field identifiers. What is
not listed here passes unchanged. Owns what was told before, since an error that is still shown is no new one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from rootspan import semconv
from rootspan_agent.scrape.reading import Attributes, Number, Point

__all__ = ["Dcgm"]

_PREFIX: Final = "DCGM_FI_"
_BLANK: Final = float(0x7FFFFFFFFFFFFFF0)
"""DCGM's "no such value here" (DCGM_INT64_BLANK and above): older exporters pass it on as a number."""
_MIB: Final = float(1 << 20)
_USED, _FREE, _RESERVED = "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_FB_RESERVED"
_LABELS: Final = {
    "UUID": semconv.HW_ID,
    "modelName": semconv.HW_NAME,
    "gpu": semconv.GPU_INDEX,
    "pci_bus_id": semconv.GPU_PCI_ADDRESS,
    "pod": semconv.K8S_POD_NAME,
    "namespace": semconv.K8S_NAMESPACE,
    "container": "k8s.container.name",
}
_REASONS: Final = {0x08: "hw_slowdown", 0x20: "sw_thermal", 0x40: "hw_thermal", 0x80: "hw_power_brake"}
"""Bits of NVML's clocks event reasons that mean a GPU computes slower than it could."""


@dataclass(frozen=True, slots=True)
class _Name:
    name: str
    unit: str
    factor: float = 1.0
    kind: Literal["gauge", "counter"] = "gauge"


_NAMES: Final[Mapping[str, _Name]] = {
    "DCGM_FI_DEV_GPU_UTIL": _Name(semconv.METRIC_GPU_UTILIZATION, "1", 0.01),
    _USED: _Name(semconv.METRIC_GPU_MEMORY_USAGE, "By", _MIB),
    "DCGM_FI_DEV_GPU_TEMP": _Name(semconv.METRIC_TEMPERATURE, "Cel"),
    "DCGM_FI_DEV_POWER_USAGE": _Name(semconv.METRIC_POWER, "W"),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": _Name(semconv.METRIC_ENERGY, "J", 1e-3, "counter"),
    "DCGM_FI_DEV_SM_CLOCK": _Name(semconv.METRIC_GPU_CLOCK, "MHz"),
    "DCGM_FI_DEV_MEM_CLOCK": _Name(semconv.METRIC_GPU_MEMORY_CLOCK, "MHz"),
}
_THROTTLED: Final = frozenset({"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"})
_XID: Final = "DCGM_FI_DEV_XID_ERRORS"
_ECC: Final = {
    "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": "ecc_corrected",
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": "ecc_uncorrected",
}


class Dcgm:
    """Of one endpoint."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], float] = {}

    def normalise(self, points: Iterable[Point]) -> Iterator[Point]:
        """Points in their order under rootspan's names; errors only where there are new ones."""
        memory: dict[str, dict[str, Point]] = {}
        for point in points:
            if not point.name.startswith(_PREFIX) or not isinstance(point.value, Number):
                yield point
                continue
            if point.value.value >= _BLANK:
                continue
            told = _of_gpu(point)
            if point.name in (_USED, _FREE, _RESERVED):
                memory.setdefault(told.attributes[semconv.HW_ID], {})[point.name] = told
            yield from self._one(told, point.value.value)
        for parts in memory.values():
            if _USED in parts and _FREE in parts:
                total = sum(one.value.value for one in parts.values() if isinstance(one.value, Number))
                yield _as(parts[_USED], _Name(semconv.METRIC_GPU_MEMORY_LIMIT, "By", _MIB), total)

    def _one(self, point: Point, value: float) -> Iterator[Point]:
        known = _NAMES.get(point.name)
        if known is not None:
            yield _as(point, known, value)
        elif point.name in _THROTTLED:
            reasons = [name for bit, name in _REASONS.items() if int(value) & bit]
            more = {semconv.GPU_THROTTLE_REASONS: ",".join(reasons)} if reasons else {}
            flag = _Name(semconv.METRIC_GPU_THROTTLED, "1")
            yield _as(point, flag, float(bool(reasons)), more)
        elif point.name == _XID:
            # The number of the last error, shown for ever: only a change is news.
            if self._changed(point, value, lambda before: value != before) and value:
                more = {semconv.ERROR_TYPE: "xid", semconv.HW_ERROR_CODE: str(int(value))}
                yield _as(point, _Name(semconv.METRIC_ERRORS, "{error}"), 1.0, more)
        elif point.name in _ECC:
            before = self._before.get((point.name, point.attributes[semconv.HW_ID]), value)
            if self._changed(point, value, lambda before: value > before):
                more = {semconv.ERROR_TYPE: _ECC[point.name]}
                yield _as(point, _Name(semconv.METRIC_ERRORS, "{error}"), value - before, more)
        elif point.name not in (_FREE, _RESERVED):
            yield point

    def _changed(self, point: Point, value: float, is_news: Callable[[float], bool]) -> bool:
        key = (point.name, point.attributes[semconv.HW_ID])
        before = self._before.get(key)
        self._before[key] = value
        return before is not None and is_news(before)


def _of_gpu(point: Point) -> Point:
    """With rootspan's attributes for the labels, and the machine it is about."""
    labels = point.attributes
    found = {_LABELS.get(name, name): value for name, value in labels.items() if value}
    host = found.pop("Hostname", "")
    found.pop("device", None)
    found["hw.type"] = "gpu"
    found.setdefault(semconv.HW_ID, f"{host}/{labels.get('gpu', '')}")
    return replace(point, attributes=found, host=host)


def _as(point: Point, name: _Name, value: float, more: Attributes | None = None) -> Point:
    return replace(
        point,
        name=name.name,
        unit=name.unit,
        kind=name.kind,
        value=Number(value * name.factor),
        attributes={**point.attributes, **(more or {})},
    )

"""Hardware evidence on a job's GPUs: XIDs, uncorrectable ECC errors, and heat that slows a clock.

Owns which XIDs speak of broken hardware and when a slow rank is a hot one. Numbers from NVIDIA's "XID Errors"
catalogue; application errors (13, 31, 43, 45, ...) are not evidence, most follow another rank's failure.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.training.case import Case

__all__ = ["GpuError", "Heat", "find_gpu_errors", "find_heat"]

HARDWARE_XIDS: Final = frozenset({48, 62, 64, 74, 79, 94, 95, 110, 119, 120, 136, 140, 143, 155, 156, 158})
"""Double-bit ECC, failed row remap, NVLink, fallen off the bus, (un)contained ECC, GSP, and the like."""
CLOCK_DROP: Final = 0.95
HOTTER_C: Final = 8.0
THROTTLED_SHARE: Final = 0.3
_MARGIN_NS: Final = 15 * 1_000_000_000
"""Gauges come every 10-15 s; a stretch of steps may be shorter."""


@dataclass(frozen=True, slots=True)
class GpuError:
    """Broken hardware.

    Attributes:
        ranks: Whose GPU it is; several where only the host is told, or none where that is not the job's.
        xid: 0 for an ECC error without one.
    """

    ranks: tuple[int, ...]
    host: str
    gpu: str
    xid: int
    at_ns: int
    what: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A GPU that is slow because it is hot. Temperature is NaN where not told."""

    clock_ratio: float
    throttled_share: float
    hotter_c: float

    @property
    def text(self) -> str:
        """One sentence's end."""
        parts = [f"its clock is at {self.clock_ratio:.0%} of the other GPUs'"]
        if self.throttled_share > 0:
            parts.append(f"it says that it is throttled {self.throttled_share:.0%} of the time")
        if self.hotter_c >= HOTTER_C:
            parts.append(f"it is {self.hotter_c:.0f} degrees hotter")
        return ", ".join(parts)


def find_gpu_errors(case: Case) -> list[GpuError]:
    """Hardware errors on the job's GPUs within the window, the earliest first.

    Raises:
        StoreError: The store did not answer.
    """
    found = []
    for row in case.ask("gpu_errors", hosts=case.places.hosts):
        if row["xid"] and row["xid"] not in HARDWARE_XIDS:
            continue
        ranks = (row["rank"],) if row["rank"] >= 0 else case.places.ranks_on(row["host"], row["gpu"])
        if ranks:
            found.append(GpuError(ranks, row["host"], row["gpu"], row["xid"], row["at_ns"], row["what"]))
    return found


def find_heat(case: Case, rank: int, from_ns: int, to_ns: int) -> Heat | None:
    """Whether heat throttles a slow rank's GPU: a flag or temperature, and a lower clock than the others.

    Raises:
        StoreError: The store did not answer.
    """
    place = case.places.by_rank.get(rank)
    if place is None or not place.host:
        return None
    rows = case.ask(
        "gpu_levels", hosts=case.places.hosts, from_ns=from_ns - _MARGIN_NS, to_ns=to_ns + _MARGIN_NS
    )
    own: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    for row in rows:
        mine = row["host"] == place.host and (not row["gpu"] or not place.gpu or row["gpu"] == place.gpu)
        metric = str(_NAMES.get(row["metric"], row["metric"]))
        (own if mine else others).setdefault(metric, []).append(row["value"])

    def level(of: dict[str, list[float]], metric: str) -> float:
        return float(np.median(of[metric])) if metric in of else float("nan")

    heat = Heat(
        clock_ratio=level(own, "hw.gpu.clock") / level(others, "hw.gpu.clock"),
        throttled_share=float(np.nan_to_num(level(own, "hw.gpu.throttled"))),
        hotter_c=level(own, "hw.temperature") - level(others, "hw.temperature"),
    )
    sign = heat.throttled_share >= THROTTLED_SHARE or heat.hotter_c >= HOTTER_C
    return heat if sign and heat.clock_ratio <= CLOCK_DROP else None


_NAMES: Final = {"DCGM_FI_DEV_SM_CLOCK": "hw.gpu.clock", "DCGM_FI_DEV_GPU_TEMP": "hw.temperature"}

"""What can be made to break in the fleet, where, and what should be named for it.

Pure data; each process and the load carry their own part out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BAD_VERSION = "3.9.0"
SURGE = 3.0
"""How many times the usual traffic a saturated queue gets."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        hosts: Where it happens; empty when it comes from outside.
        truth: What a diagnosis should name.
    """

    hosts: tuple[str, ...]
    truth: str


FAULTS: Mapping[str, Fault] = {
    "none": Fault((), "nothing"),
    "slow-gpu": Fault(("gpu-001",), "the ranker on gpu-001 is slow"),
    "error-burst": Fault(("fs-01",), "the feature store on fs-01 fails"),
    "hot-replica": Fault(
        ("lb-01",), "the ranker on gpu-001 gets most of its region's requests, which wait there"
    ),
    "unfair-balancing": Fault(("lb-01", "lb-02"), "one ranker in each region gets all, the others nothing"),
    "saturated-queue": Fault((), f"{SURGE:g} times the usual requests arrive"),
    "bad-version": Fault(("gpu-002", "gpu-004"), f"rankers of version {BAD_VERSION} are slow"),
}
"""Faults by the name that `--fault` takes. Hosts are those of two or more rankers in each region."""

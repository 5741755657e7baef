"""What can be made to break, where, and what should be named for it. Pure data, and who is where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rootspan import semconv

REGION = "us-east"
PRIMARY, REPLICA = "redis-01", "redis-02"
"""While all is well."""
STORE: Mapping[str, str] = {PRIMARY: "a", REPLICA: "b"}
"""Zone by node of the store."""
RANKERS: Mapping[str, str] = {"gpu-001": "a", "gpu-002": "b", "gpu-003": "c"}
SENTINELS = ("sentinel-01", "sentinel-02", "sentinel-03")
GROUP = "features"
"""What the sentinels call the primary and its replica."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        hosts: Where it happens.
        truth: What a diagnosis should say.
    """

    hosts: tuple[str, ...]
    truth: str


FAULTS: Mapping[str, Fault] = {
    "replication-lag": Fault(
        (REPLICA,),
        f"{REPLICA} falls behind its primary: readers wait for versions that do not come; no host is lost",
    ),
    "failover": Fault((PRIMARY,), f"{PRIMARY}, the primary, is killed and {REPLICA} takes its place"),
    "primary-lost": Fault(
        (PRIMARY,),
        f"{PRIMARY}, the primary, is killed, and sentinels that ask for too many votes promote nobody",
    ),
    "replica-lost": Fault((REPLICA,), f"{REPLICA}, the replica, is killed; its readers go to the primary"),
}
KILLED: Mapping[str, str] = {"failover": PRIMARY, "primary-lost": PRIMARY, "replica-lost": REPLICA}
"""Node that ends by SIGKILL."""


def place_of(host: str) -> dict[str, str]:
    """Resource attributes of a process beside its service."""
    return {
        semconv.SERVICE_NAMESPACE: "feature-store",
        semconv.HOST_NAME: host,
        semconv.CLOUD_REGION: REGION,
        semconv.CLOUD_ZONE: f"{REGION}-1{({**STORE, **RANKERS}).get(host, 'a')}",
    }

"""What can be made to break, where, and what should be named for it. Pure data, and who is where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rootspan import semconv

REGION = "us-east"
ZONES: Mapping[str, str] = {"raft-01": "a", "raft-02": "a", "raft-03": "b", "raft-04": "c", "raft-05": "c"}
"""Zone by node of the cluster."""
LEADER = "raft-03"
"""Who leads while all is well."""
SERVERS: Mapping[str, str] = {"gpu-001": "a", "gpu-002": "b", "gpu-003": "b", "gpu-004": "c"}
"""Zone by server."""
OLD_MODEL, NEW_MODEL = "ctr-v7", "ctr-v8"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        hosts: The processes that are told to break.
        truth: What a diagnosis should say.
    """

    hosts: tuple[str, ...]
    truth: str


FAULTS: Mapping[str, Fault] = {
    "leader-lost": Fault((LEADER,), f"the leader, {LEADER}, is gone; the others elect another one"),
    "election-storm": Fault(
        ("raft-05",), "raft-05 hears nobody and calls for election after election, which unseats every leader"
    ),
    "slow-follower": Fault(("raft-02",), "raft-02 writes its log slowly; the cluster goes on without it"),
    "minority-partition": Fault(
        ("raft-04", "raft-05"), "zone us-east-1c, two of five nodes, is cut off and answers nobody"
    ),
    "split-versions": Fault(
        ("gpu-003", "gpu-004"),
        f"two servers still serve {OLD_MODEL} after {NEW_MODEL} was agreed, and load it for each request",
    ),
}


def place_of(host: str) -> dict[str, str]:
    """Resource attributes of a process beside its service."""
    return {
        semconv.SERVICE_NAMESPACE: "consensus",
        semconv.HOST_NAME: host,
        semconv.CLOUD_REGION: REGION,
        semconv.CLOUD_ZONE: f"{REGION}-1{({**ZONES, **SERVERS}).get(host, 'a')}",
    }

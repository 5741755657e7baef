"""Which pod is on which node, and what may go wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAMESPACE = "serving"
ZONES: Mapping[str, str] = {"node-1": "a", "node-2": "b", "node-3": "c"}
"""Zone by node; each has one pod of the ranker."""
NOISY, EVICTING, DRAINED = "node-1", "node-2", "node-3"
HOGS = 4
NICE, HOG_NICE = -10, -15
"""What else runs on this machine must not be the cluster's noise, and its own noise weighs three times a pod.
Where this user may not ask for that, all of them are as any other process."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the node that it is on, what is done to it, and what a diagnosis should say."""

    node: str
    act: str
    truth: str


def pod_of(node: str) -> str:
    """The ranker's pod on a node, as a Deployment names it."""
    return f"ranker-6c9f7d8b5-{node[-1] * 5}"


FAULTS: Mapping[str, Fault] = {
    "noisy-neighbour": Fault(NOISY, "add_noise", f"other pods of {NOISY} take the processor of the ranker's"),
    "evicted-pod": Fault(EVICTING, "evict", f"the kubelet of {EVICTING} evicts the ranker's pod for memory"),
    "node-drained": Fault(DRAINED, "drain", f"{DRAINED} is drained; its pods have to go"),
}


def downward_api(node: str) -> dict[str, str]:
    """What Kubernetes puts into a pod's environment, by its own rules and by the Deployment's."""
    return {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "POD_NAME": pod_of(node),
        "POD_NAMESPACE": NAMESPACE,
        "NODE_NAME": node,
        "OTEL_RESOURCE_ATTRIBUTES": f"cloud.region=us-east-1,cloud.availability_zone=us-east-1{ZONES[node]}",
    }

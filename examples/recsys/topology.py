"""Who runs where: services, hosts and places, named like the simulated demo fleet.

Pure data. The processes all run on this machine; `host.name` says which machine they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rootspan import semconv

VERSIONS = {"gateway": "5.2.0", "balancer": "1.18.3", "feature-store": "2.7.1", "ranker": "3.8.1"}
ZONES = {"us-east": ("us-east-1a", "us-east-1b"), "eu-west": ("eu-west-1a", "eu-west-1b")}
REGIONS = tuple(ZONES)


@dataclass(frozen=True, slots=True)
class Place:
    """One process: its service and version, and the machine it stands for."""

    service: str
    host: str
    region: str
    zone: str
    version: str

    def resource(self) -> Mapping[str, str | int]:
        """Resource attributes beside `service.name`."""
        found: dict[str, str | int] = {
            semconv.SERVICE_NAMESPACE: "recsys",
            semconv.SERVICE_VERSION: self.version,
            semconv.HOST_NAME: self.host,
            semconv.CLOUD_REGION: self.region,
            semconv.CLOUD_ZONE: self.zone,
        }
        if self.service == "ranker":
            found[semconv.GPU_INDEX] = 0
        return found


def places(service: str, rankers_per_region: int) -> list[Place]:
    """All processes of a service: one in each region, rankers as many as asked for, turn by turn."""
    prefix = {"gateway": "gw", "balancer": "lb", "feature-store": "fs", "ranker": "gpu"}[service]
    width = 3 if service == "ranker" else 2
    count = rankers_per_region if service == "ranker" else 1
    return [
        Place(
            service,
            f"{prefix}-{r * count + k + 1:0{width}d}",
            region,
            ZONES[region][k % len(ZONES[region])],
            VERSIONS[service],
        )
        for r, region in enumerate(REGIONS)
        for k in range(count)
    ]

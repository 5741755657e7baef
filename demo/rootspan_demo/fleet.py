"""The reference fleet's machines: who runs where, and how fast each is when nothing is wrong.

Owns names, places and small natural differences between hosts. Knows nothing of traffic and faults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan import semconv

__all__ = ["REGIONS", "SERVICES", "ZONES", "Fleet", "Instance", "build_fleet"]

REGIONS: Final = ("us-east", "eu-west")
ZONES: Final[tuple[tuple[str, int], ...]] = (
    ("us-east-1a", 0),
    ("us-east-1b", 0),
    ("us-east-1c", 0),
    ("eu-west-1a", 1),
    ("eu-west-1b", 1),
)
"""Zone and the index of its region."""
SERVICES: Final = ("gateway", "balancer", "feature-store", "ranker")
HOSTS_PER_RACK: Final = 6
NETWORK_SAME_ZONE_S, NETWORK_SAME_REGION_S, NETWORK_CROSS_REGION_S = 0.00018, 0.00045, 0.038
"""One way. The last is the speed of light in fibre between Virginia and Ireland plus routers."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of one service on one host."""

    service: str
    host: str
    region: int
    zone: int
    rack: str
    switch: str
    version: str
    instance_id: str
    gpu_id: str = ""

    def attributes(self) -> Mapping[str, str | int]:
        """Resource attributes as every span, log record and metric of this instance carries them."""
        found: dict[str, str | int] = {
            semconv.SERVICE_NAME: self.service,
            semconv.SERVICE_NAMESPACE: "recsys",
            semconv.SERVICE_VERSION: self.version,
            semconv.SERVICE_INSTANCE_ID: self.instance_id,
            semconv.DEPLOYMENT_ENVIRONMENT: "production",
            semconv.HOST_NAME: self.host,
            semconv.CLOUD_REGION: REGIONS[self.region],
            semconv.CLOUD_ZONE: ZONES[self.zone][0],
            semconv.HOST_RACK: self.rack,
            semconv.NETWORK_SWITCH: self.switch,
        }
        if self.gpu_id:
            found |= {semconv.GPU_INDEX: 0, semconv.HW_ID: self.gpu_id}
        return found


@dataclass(frozen=True, slots=True)
class Fleet:
    """All instances, and what the simulation needs of them as arrays.

    Indices: `gateways`, `balancers`, `stores` and `rankers` hold indices into `instances`; other arrays over
    rankers (`ranker_region`, `speed`, …) are by position in `rankers`.

    Attributes:
        speed: Natural service time factor of each ranker, within a few percent of 1.
        network_s: One-way time by (zone, zone).
    """

    instances: tuple[Instance, ...]
    gateways: tuple[NDArray[np.int64], ...]
    balancers: tuple[NDArray[np.int64], ...]
    stores: tuple[NDArray[np.int64], ...]
    rankers: NDArray[np.int64]
    ranker_region: NDArray[np.int64]
    speed: NDArray[np.float64]
    network_s: NDArray[np.float64]
    zone: NDArray[np.int64] = field(repr=False)
    """Zone of every instance."""


def build_fleet(hosts: int, rng: np.random.Generator) -> Fleet:
    """Place `hosts` rankers and the services around them; `rng` draws ids, versions and small differences."""
    zones_of = [[z for z, (_, region) in enumerate(ZONES) if region == r] for r in range(len(REGIONS))]
    per_region = (hosts - hosts // 2, hosts // 2)
    around = {"gateway": ("gw", max(2, -(-hosts // 32))), "balancer": ("lb", max(2, -(-hosts // 50)))}
    around["feature-store"] = ("fs", max(3, hosts // 12))
    instances: list[Instance] = []
    members: dict[str, list[list[int]]] = {service: [[] for _ in REGIONS] for service in SERVICES}

    def add(service: str, host: str, region: int, place: int, within: int) -> None:
        zone = zones_of[region][place]
        name = ZONES[zone][0]
        rack = within // HOSTS_PER_RACK + 1
        version = {"gateway": "5.2.0", "balancer": "1.18.3", "feature-store": "2.7.1"}.get(service)
        if version is None:  # a rollout that went well, long ago, and did not reach every host
            version = "3.8.2" if rng.random() < 0.2 else "3.8.1"
        members[service][region].append(len(instances))
        instances.append(
            Instance(
                service=service,
                host=host,
                region=region,
                zone=zone,
                rack=f"{name}-r{rack:02d}" if service == "ranker" else f"{name}-c01",
                switch=f"sw-{name}-{rack:02d}" if service == "ranker" else f"sw-{name}-core",
                version=version,
                instance_id=rng.bytes(8).hex(),
                gpu_id=f"GPU-{rng.bytes(8).hex()}" if service == "ranker" else "",
            )
        )

    for service, (prefix, count) in around.items():
        width = len(str(max(10, 2 * count)))
        for region in range(len(REGIONS)):
            for k in range(count):
                host = f"{prefix}-{region * count + k + 1:0{width}d}"
                add(service, host, region, k * len(zones_of[region]) // count, k)
    number, width = 1, max(3, len(str(hosts)))
    for region, count in enumerate(per_region):
        zones = len(zones_of[region])
        for k in range(count):
            place = k * zones // count
            add("ranker", f"gpu-{number:0{width}d}", region, place, k - -(-place * count // zones))
            number += 1

    def arrays(service: str) -> tuple[NDArray[np.int64], ...]:
        return tuple(np.array(part, dtype=np.int64) for part in members[service])

    rankers = np.concatenate(arrays("ranker"))
    zone = np.array([one.zone for one in instances], dtype=np.int64)
    region_of_zone = np.array([region for _, region in ZONES])
    same = region_of_zone[:, None] == region_of_zone[None, :]
    network = np.where(same, NETWORK_SAME_REGION_S, NETWORK_CROSS_REGION_S)
    np.fill_diagonal(network, NETWORK_SAME_ZONE_S)
    return Fleet(
        instances=tuple(instances),
        gateways=arrays("gateway"),
        balancers=arrays("balancer"),
        stores=arrays("feature-store"),
        rankers=rankers,
        ranker_region=np.array([instances[i].region for i in rankers], dtype=np.int64),
        speed=np.exp(rng.normal(0.0, 0.015, hosts)),
        network_s=network,
        zone=zone,
    )

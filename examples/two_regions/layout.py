"""Which processes stand for which machine in which region, and what may go wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from rootspan import semconv

REGIONS = ("eu-west-1", "us-east-1")
SLOW_REGION = "us-east-1"
INSTANCES = 3
READ_S, SLOW_READ_S = 0.012, 0.06
FAULTS: Mapping[str, str] = {
    "slow-region": f"reads take {SLOW_READ_S / READ_S:g} times as long in {SLOW_REGION}, on all machines",
    "residency-broken": "data of eu-west-1 is sent to the collector of us-east-1, where it may not be stored",
}


def place_of(region: str, service: str, number: int) -> dict[str, str]:
    """Resource attributes of an instance, beside `service.name`."""
    prefix = "gw" if service == "gateway" else "prof"
    return {
        semconv.SERVICE_NAMESPACE: "profiles",
        semconv.HOST_NAME: f"{prefix}-{region.partition('-')[0]}-{number + 1:02d}",
        semconv.CLOUD_REGION: region,
        semconv.CLOUD_ZONE: f"{region}{'abc'[number % 3]}",
    }

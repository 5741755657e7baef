"""Truth: which causes count as the planted fault."""

import pytest

from rootspan_demo.config import FAULT_NAMES, FaultName
from rootspan_demo.truth import Truth

TRUTHS: dict[FaultName, Truth] = {
    "slow-gpu": Truth("slow-gpu", {"service.name": "ranker", "host.name": "gpu-017"}),
    "region-outage": Truth("region-outage", {"cloud.region": "us-east"}),
    "bad-version": Truth("bad-version", {"service.name": "ranker", "service.version": "3.9.0"}),
    "network-delay": Truth(
        "network-delay",
        {"service.name": "ranker", "peer.service": "feature-store", "cloud.region": "eu-west"},
    ),
    "queue-saturation": Truth("queue-saturation", {"service.name": "ranker"}, hosts=("gpu-001", "gpu-004")),
    "error-burst": Truth("error-burst", {"service.name": "feature-store", "host.name": "fs-02"}),
    "none": Truth("none", {}),
}
RIGHT: list[tuple[FaultName, dict[str, object]]] = [
    (
        "slow-gpu",
        {"kind": "host", "entity": {"service.name": "ranker", "host.name": "gpu-017"}, "fault": "slow"},
    ),
    (
        "slow-gpu",
        {
            "kind": "gpu",
            "entity": {"service.name": "ranker", "host.name": "gpu-017", "cloud.region": "us-east"},
            "fault": "slow_gpu",
        },
    ),
    ("region-outage", {"kind": "region", "entity": {"cloud.region": "us-east"}, "fault": "outage"}),
    (
        "region-outage",
        {"kind": "region", "entity": {"service.name": "ranker", "cloud.region": "us-east"}, "fault": "lost"},
    ),
    ("bad-version", {"kind": "version", "entity": {"service.name": "ranker", "service.version": "3.9.0"}}),
    (
        "network-delay",
        {
            "kind": "edge",
            "entity": {"service.name": "ranker", "peer.service": "feature-store", "cloud.region": "eu-west"},
            "fault": "network_delay",
        },
    ),
    ("queue-saturation", {"kind": "host", "entity": {"service.name": "ranker", "host.name": "gpu-004"}}),
    (
        "queue-saturation",
        {"kind": "queue", "entity": {"service.name": "ranker", "host.name": "gpu-004, gpu-001"}},
    ),
    ("queue-saturation", {"kind": "host", "entity": {"service.name": "ranker", "host.name": ["gpu-001"]}}),
    (
        "error-burst",
        {"kind": "host", "entity": {"service.name": "feature-store", "host.name": "fs-02"}, "fault": "error"},
    ),
]
WRONG: list[tuple[FaultName, dict[str, object]]] = [
    (
        "slow-gpu",
        {"kind": "host", "entity": {"service.name": "ranker", "host.name": "gpu-018"}, "fault": "slow"},
    ),
    ("slow-gpu", {"kind": "host", "entity": {"host.name": "gpu-017"}, "fault": "slow"}),
    ("slow-gpu", {"kind": "service", "entity": {"service.name": "ranker", "host.name": "gpu-017"}}),
    (
        "slow-gpu",
        {"kind": "host", "entity": {"service.name": "ranker", "host.name": "gpu-017"}, "fault": "error"},
    ),
    ("region-outage", {"kind": "host", "entity": {"cloud.region": "us-east"}}),
    ("region-outage", {"kind": "region", "entity": {"cloud.region": "eu-west"}}),
    ("region-outage", {"kind": "region", "entity": {"cloud.region": "us-east", "host.name": "gpu-001"}}),
    ("bad-version", {"kind": "version", "entity": {"service.name": "ranker", "service.version": "3.8.2"}}),
    ("bad-version", {"kind": "host", "entity": {"service.name": "ranker", "service.version": "3.9.0"}}),
    (
        "network-delay",
        {"kind": "edge", "entity": {"service.name": "ranker", "peer.service": "feature-store"}},
    ),
    (
        "network-delay",
        {
            "kind": "edge",
            "entity": {"service.name": "ranker", "peer.service": "feature-store", "cloud.region": "us-east"},
        },
    ),
    ("queue-saturation", {"kind": "queue", "entity": {"service.name": "ranker", "cloud.region": "us-east"}}),
    (
        "queue-saturation",
        {"kind": "host", "entity": {"service.name": "ranker", "host.name": "gpu-001,gpu-009"}},
    ),
    ("queue-saturation", {"kind": "host", "entity": {"service.name": "ranker", "host.name": []}}),
    ("error-burst", {"kind": "host", "entity": {"service.name": "feature-store", "host.name": "fs-02"}}),
    (
        "error-burst",
        {"kind": "host", "entity": {"service.name": "ranker", "host.name": "fs-02"}, "fault": "error"},
    ),
]


@pytest.mark.parametrize(("fault", "cause"), RIGHT)
def test_the_planted_entity_matches(fault: FaultName, cause: dict[str, object]) -> None:
    assert TRUTHS[fault].matches(cause)


@pytest.mark.parametrize(("fault", "cause"), WRONG)
def test_another_or_a_vaguer_entity_does_not_match(fault: FaultName, cause: dict[str, object]) -> None:
    assert not TRUTHS[fault].matches(cause)


@pytest.mark.parametrize("fault", FAULT_NAMES)
def test_a_cause_of_one_fault_matches_no_other(fault: FaultName) -> None:
    for other, cause in RIGHT:
        if other != fault:
            assert not TRUTHS[fault].matches(cause), (fault, cause)


@pytest.mark.parametrize(
    "cause", [{}, {"kind": "host"}, {"kind": "host", "entity": None}, {"kind": 3, "entity": {}}]
)
def test_malformed_causes_do_not_match(cause: dict[str, object]) -> None:
    assert not any(truth.matches(cause) for truth in TRUTHS.values())

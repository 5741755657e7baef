"""The row of the table: orchestration."""

from __future__ import annotations

from importlib.util import find_spec

from examples.harness.rows import Retold
from examples.harness.truth import Truth
from examples.orchestration.layout import DRAINED, EVICTING, FAULTS, NOISY, pod_of

ROW = Retold(
    system="orchestration: pods on nodes",
    module="examples.orchestration",
    faults={
        "noisy-neighbour": Truth(
            FAULTS["noisy-neighbour"].truth,
            ({"service.name": "ranker", "host.name": NOISY},),
            ("noisy_neighbour",),
        ),
        "evicted-pod": Truth(
            FAULTS["evicted-pod"].truth,
            ({"host.name": EVICTING, "k8s.pod.name": pod_of(EVICTING)},),
            ("pod_evicted",),
        ),
        "node-drained": Truth(FAULTS["node-drained"].truth, ({"host.name": DRAINED},), ("node_drained",)),
    },
    healthy_s=24.0,
    broken_s=24.0,
    once=frozenset({"evicted-pod", "node-drained"}),
    lacks=lambda: "" if find_spec("prometheus_client") else "no agent: pip install 'rootspan[agent]'",
)

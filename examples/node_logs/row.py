"""The row of the table: logs of thousands of systems."""

from __future__ import annotations

from importlib.util import find_spec

from examples.harness.rows import Dated
from examples.harness.truth import Truth
from examples.node_logs.faults import FAULTS, STRUCK

_STRUCK = ({"host.name": STRUCK},)

ROW = Dated(
    system="logs of thousands of systems",
    module="examples.node_logs",
    faults={
        "xid": Truth(
            FAULTS["xid"], ({"host.name": STRUCK, "gpu.pci_address": "0000:3b:00"},), ("gpu_error",)
        ),
        "uncorrectable-ecc": Truth(FAULTS["uncorrectable-ecc"], _STRUCK, ("memory_error",)),
        "out-of-memory": Truth(FAULTS["out-of-memory"], _STRUCK, ("out_of_memory",)),
    },
    asked_s=300,
    lacks=lambda: "" if find_spec("prometheus_client") else "no agent: pip install 'rootspan[agent]'",
    short_arguments=("--nodes", "1500", "--lines", "4"),
)

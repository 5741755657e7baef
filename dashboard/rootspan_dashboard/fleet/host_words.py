"""What a host's page says, from its read models: facts, panels, rows. Pure; draws nothing."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from rootspan_analysis.gauge_words import GAUGES
from rootspan_analysis.views.hosts import HostInstance
from rootspan_dashboard.charts.lines import Panel
from rootspan_dashboard.words.formats import NO_VALUE, format_count

__all__ = ["gauge_panels", "host_facts", "instances_frame", "service_panels"]

SHOWN = (
    "hw.gpu.utilization",
    "hw.gpu.clock",
    "hw.temperature",
    "hw.power",
    "hw.gpu.memory.usage",
    "hw.gpu.throttled",
)
"""What is drawn of a host, in this order."""
MOST_DEVICES = 8


def host_facts(found: Sequence[HostInstance], ranks: pa.Table) -> list[tuple[str, str]]:
    """A host in one line."""

    def all_of(name: str) -> str:
        return ", ".join(sorted({getattr(one, name) for one in found} - {""})) or NO_VALUE

    pairs = [(name.capitalize(), all_of(name)) for name in ("region", "zone", "rack", "switch")]
    pairs.append(("Services", all_of("service")))
    gpus = {one.gpu for one in found} - {""}
    which = f" (index {all_of('gpu')})" if gpus else ""
    pairs.append(("GPUs", f"{format_count(len(gpus))}{which}" if gpus else NO_VALUE))
    if ranks.num_rows:
        names = [f"{row['job']} rank {row['rank']}" for row in ranks.to_pylist()[:4]]
        more = f" and {ranks.num_rows - 4} more" if ranks.num_rows > 4 else ""
        pairs.append(("Training", f"{', '.join(names)}{more}"))
    return pairs


def instances_frame(found: Sequence[HostInstance]) -> pd.DataFrame:
    """`service, version, gpu, first, last`."""
    return pd.DataFrame(
        [
            {
                "service": one.service,
                "version": one.version,
                "gpu": one.gpu,
                "first": pd.Timestamp(one.first_ns, unit="ns"),
                "last": pd.Timestamp(one.last_ns, unit="ns"),
            }
            for one in found
        ]
    )


def service_panels(cells: pa.Table, host: str) -> tuple[list[str], list[Panel]]:
    """Latency and error rate of each of its services, beside the median of the service's other hosts."""
    frame = cells.to_pandas()
    own = frame[frame["host"] == host]
    latency: dict[str, tuple[list[int], list[float | None]]] = {}
    errors: dict[str, tuple[list[int], list[float | None]]] = {}
    names = []
    for service in sorted(own["service"].unique()):
        mine = own[own["service"] == service].sort_values("at_s")
        others = frame[(frame["service"] == service) & (frame["host"] != host)]
        names += [service, f"{service}, peers"]
        latency[service] = mine["at_s"].tolist(), mine["latency_ms"].tolist()
        errors[service] = mine["at_s"].tolist(), (mine["errors"] / mine["requests"]).tolist()
        middle = others.assign(ratio=others["errors"] / others["requests"]).groupby("at_s")
        if len(others):
            latency[names[-1]] = list(middle.groups), middle["latency_ms"].median().tolist()
            errors[names[-1]] = list(middle.groups), middle["ratio"].median().tolist()
    return names, [Panel("Latency p95", "ms", latency), Panel("Error rate", "ratio", errors)]


def gauge_panels(table: pa.Table) -> tuple[list[str], list[Panel]]:
    """A panel each gauge that is known, a line each device."""
    courses: dict[str, dict[str, tuple[list[int], list[float | None]]]] = {}
    for row in table.to_pylist():
        name = f"GPU {row['gpu']}" if row["gpu"] else "host"
        seconds, values = courses.setdefault(row["metric"], {}).setdefault(name, ([], []))
        seconds.append(row["at_s"])
        values.append(row["value"])
    devices = sorted({name for course in courses.values() for name in course})[:MOST_DEVICES]
    return devices, [Panel(*GAUGES[metric], courses[metric]) for metric in SHOWN if metric in courses]

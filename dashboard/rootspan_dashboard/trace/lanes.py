"""GPU gauges of a trace's hosts as lanes over its time: which hosts, which gauges, which axis. Pure."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from rootspan_analysis.gauge_words import GAUGES
from rootspan_analysis.views.trace_tree import TraceTree
from rootspan_dashboard.components.waterfall import Lane

__all__ = ["LANE_METRICS", "lane_hosts", "trace_lanes"]

LANE_METRICS: Final = ("hw.gpu.utilization", "hw.gpu.clock")
"""Both together tell a busy GPU from a throttled one."""
MOST_HOSTS: Final = 3


def lane_hosts(tree: TraceTree) -> list[str]:
    """Hosts on which the trace spent the most time of its own, first."""
    spent = tree.self_ns_by("host")
    return [host for host in sorted(spent, key=lambda one: (-spent[one], one)) if host][:MOST_HOSTS]


def trace_lanes(points: pa.Table, hosts: Sequence[str], tree: TraceTree) -> list[Lane]:
    """A lane for each host and gauge that has points, in the order of the hosts."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in points.to_pylist():
        found.setdefault((row["host"], row["metric"]), []).append((row["at_ns"], row["value"]))
    lanes = []
    for host in hosts:
        for metric in LANE_METRICS:
            name, unit = GAUGES[metric]
            course = found.get((host, metric))
            if course:
                high = 1.0 if unit == "ratio" else max(value for _, value in course) * 1.1 or 1.0
                lanes.append(Lane(host, name, unit, course, 0.0, high, _mean(course, tree)))
    return lanes


def _mean(course: Sequence[tuple[int, float]], tree: TraceTree) -> float:
    """Over the points within the trace; the nearest point's value where none is."""
    inside = [value for at, value in course if tree.start_ns <= at <= tree.end_ns]
    if inside:
        return sum(inside) / len(inside)
    middle = (tree.start_ns + tree.end_ns) // 2
    return min(course, key=lambda one: abs(one[0] - middle))[1]

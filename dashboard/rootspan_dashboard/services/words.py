"""What the services page says, from its read models: nodes, edges, rows. Pure; draws nothing."""

import math
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from rootspan_analysis.views.service_edges import ServiceEdge
from rootspan_dashboard.components.graph import GraphEdge, GraphNode

__all__ = ["edges_frame", "graph_of", "neighbours"]


def graph_of(
    totals: pa.Table, edges: Sequence[ServiceEdge], seconds: float
) -> tuple[list[GraphNode], list[GraphEdge]]:
    """Nodes of all services that serve or call, and edges with rates."""
    known = {row["name"]: row for row in totals.to_pylist()}
    names = sorted(set(known) | {end for one in edges for end in (one.caller, one.callee)})
    nodes = []
    for name in names:
        row = known.get(name)
        nodes.append(
            GraphNode(
                name,
                row["hosts"] if row else 0,
                row["requests"] / seconds if row else None,
                row["errors"] / row["requests"] if row and row["requests"] else None,
                _finite(row["p95_ms"]) if row else None,
            )
        )
    return nodes, [
        GraphEdge(
            one.caller,
            one.callee,
            one.calls / seconds,
            one.errors / one.calls if one.calls else 0.0,
            _finite(one.p50_ms),
            _finite(one.p95_ms),
            _finite(one.gap_p50_ms),
            _finite(one.gap_p95_ms),
        )
        for one in edges
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def neighbours(edges: Sequence[ServiceEdge], service: str) -> tuple[ServiceEdge, ...]:
    """Edges of one service, or all where none is named."""
    return tuple(one for one in edges if service in ("", one.caller, one.callee))


def edges_frame(edges: Sequence[ServiceEdge], seconds: float) -> pd.DataFrame:
    """`caller, callee, rate, errors, p50, p95, gap50, gap95`."""
    return pd.DataFrame(
        [
            {
                "caller": one.caller,
                "callee": one.callee,
                "rate": one.calls / seconds,
                "errors": 100 * one.errors / one.calls if one.calls else None,
                "p50": _finite(one.p50_ms),
                "p95": _finite(one.p95_ms),
                "gap50": _finite(one.gap_p50_ms),
                "gap95": _finite(one.gap_p95_ms),
            }
            for one in edges
        ]
    )

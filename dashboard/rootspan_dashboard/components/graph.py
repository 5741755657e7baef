"""The service map: layers of services and the calls between them in, the service that a person chose out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.literal import visible

__all__ = ["GraphEdge", "GraphNode", "draw_graph"]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A service; figures are None where nothing is known."""

    name: str
    hosts: int
    rate: float | None
    error_ratio: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """Calls of one service to another."""

    caller: str
    callee: str
    rate: float
    error_ratio: float
    p50_ms: float | None
    p95_ms: float | None
    gap_p50_ms: float | None
    gap_p95_ms: float | None


def draw_graph(
    layers: Sequence[Sequence[str]],
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge],
    *,
    chosen: str,
    key: str,
    on_choose: Callable[[str], None],
) -> None:
    """Draw it; `on_choose` is called with a service's name before the next run."""
    raw = {visible(one.name): one.name for one in nodes}

    def picked() -> None:
        name = st.session_state.get(key, {}).get("chosen")
        if name in raw:
            on_choose(raw[name])

    data = {
        "layers": [[visible(name) for name in row] for row in layers],
        "nodes": [
            {
                "name": visible(one.name),
                "hosts": one.hosts,
                "rate": one.rate,
                "errorRatio": one.error_ratio,
                "p95": one.p95_ms,
            }
            for one in nodes
        ],
        "edges": [
            {
                "caller": visible(one.caller),
                "callee": visible(one.callee),
                "rate": one.rate,
                "errorRatio": one.error_ratio,
                "p50": one.p50_ms,
                "p95": one.p95_ms,
                "gapP50": one.gap_p50_ms,
                "gapP95": one.gap_p95_ms,
            }
            for one in edges
        ],
        "chosen": visible(chosen),
        "summary": f"{len(nodes)} services and {len(edges)} kinds of calls between them",
    }
    component("graph")(key=key, data=data, on_chosen_change=picked)

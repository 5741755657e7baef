"""The waterfall of a trace: its tree and logs in, the span that a person chose out."""

from collections.abc import Callable, Sequence
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.views.trace_tree import TraceSpan, TraceTree
from rootspan_dashboard.charts.lines import PALETTE
from rootspan_dashboard.components.mount import component
from rootspan_dashboard.formats import format_count, format_ms
from rootspan_dashboard.literal import visible

__all__ = ["draw_waterfall", "waterfall_data"]

HEIGHT: Final = 560
MOST_PARTS: Final = 40
"""Pieces of self time or critical path drawn in one bar; more would be thinner than a pixel."""
COLORS: Final = tuple(one for one in PALETTE if one != "#d55e00")
"""Without the colour that marks errors."""
NAME_MOST: Final = 160


def draw_waterfall(
    tree: TraceTree,
    drawn: Sequence[int],
    logs: pa.Table,
    *,
    trace_id: str,
    selected: str,
    more_logs: bool,
    on_choose: Callable[[str], None],
    key: str,
) -> None:
    """Draw it; `on_choose` is called with a span's id before the next run."""

    def chosen() -> None:
        span_id = st.session_state.get(key, {}).get("chosen")
        if isinstance(span_id, str):
            on_choose(span_id)

    data = waterfall_data(tree, drawn, logs, trace_id=trace_id, selected=selected, more_logs=more_logs)
    component("waterfall")(key=key, data=data, on_chosen_change=chosen)


def waterfall_data(
    tree: TraceTree, drawn: Sequence[int], logs: pa.Table, *, trace_id: str, selected: str, more_logs: bool
) -> dict[str, object]:
    """What the script draws. Times are nanoseconds from the trace's start.

    Numbers that JavaScript holds exactly.
    """
    names = _by_time(tree)
    index = {name: i for i, name in enumerate(names)}
    kept = set(drawn)
    start = tree.start_ns
    return {
        "trace": trace_id,
        "total": max(1, tree.end_ns - start),
        "height": HEIGHT,
        "names": [visible(name) or "(no service)" for name in names],
        "colors": [COLORS[i % len(COLORS)] for i in range(len(names))],
        "spans": [_span(tree.spans[i], tree, kept, start, index) for i in drawn],
        "logs": [
            {
                "at": row["at_ns"] - start,
                "span": row["span_id"],
                "severity": visible(row["severity"]),
                "service": visible(row["service"]),
                "body": visible(row["body"], most=300),
            }
            for row in logs.to_pylist()
        ],
        "moreLogs": more_logs,
        "selected": selected,
        "summary": f"{format_count(len(drawn))} spans in {format_ms((tree.end_ns - start) / 1e6)}",
    }


def _by_time(tree: TraceTree) -> list[str]:
    """Services, the one with the most self time first: it gets the first colour."""
    times: dict[str, int] = {}
    for span in tree.spans:
        times[span.service] = times.get(span.service, 0) + span.self_ns
    return sorted(times, key=lambda name: (-times[name], name))


def _span(
    span: TraceSpan, tree: TraceTree, kept: set[int], start: int, index: dict[str, int]
) -> dict[str, object]:
    kids = [i for i in span.children if i in kept]
    return {
        "id": span.span_id,
        "operation": visible(span.operation, most=NAME_MOST) or "(no name)",
        "serviceName": visible(span.service, most=NAME_MOST),
        "service": index[span.service],
        "host": visible(span.host, most=NAME_MOST),
        "kind": span.kind.lower(),
        "depth": span.depth,
        "start": span.start_ns - start,
        "duration": span.duration_ns,
        "self": span.self_ns,
        "selfs": _parts(span.self_times, start),
        "crit": _parts(span.critical, start),
        "failed": span.failed,
        "message": visible(span.status_message, most=300),
        "kids": bool(kids),
        "hidden": sum(1 + tree.spans[i].below for i in span.children if i not in kept),
    }


def _parts(parts: Sequence[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    longest = sorted(parts, key=lambda one: one[0] - one[1])[:MOST_PARTS]
    return [(a - start, b - start) for a, b in sorted(longest)]

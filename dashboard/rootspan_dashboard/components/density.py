"""The heatmap of latencies: counts by time and duration in, the box that a person brushed out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_search import BUCKETS_PER_DOUBLING
from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.formats import format_count

__all__ = ["Box", "density_data", "draw_density"]

HEIGHT: Final = 208
FEWEST_ROWS: Final = 12
"""A distribution of two buckets would be two huge bars: the axis covers three doublings at least."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box in the heatmap: unix nanoseconds, and durations in nanoseconds; None means no bound."""

    from_ns: int | None
    to_ns: int | None
    least_ns: int | None
    most_ns: int | None

    @property
    def empty(self) -> bool:
        """Whether it bounds nothing."""
        return (self.from_ns, self.to_ns, self.least_ns, self.most_ns) == (None, None, None, None)


def draw_density(
    cells: pa.Table,
    span: TimeSpan,
    *,
    step_ns: int,
    noun: str,
    hint: str,
    chosen: Box,
    key: str,
    on_brush: Callable[[Box], None],
) -> None:
    """Draw it; `on_brush` is called with the box before the next run.

    Args:
        cells: `at_ns, bucket, spans, failed`, as `fetch_latency_cells` gives them.
        noun: What is counted, in the plural.
    """

    def brushed() -> None:
        box = st.session_state.get(key, {}).get("brushed")
        if isinstance(box, Mapping):
            on_brush(
                Box(
                    int(box["from"]) * NS_PER_S,
                    int(box["to"]) * NS_PER_S,
                    int(box["least"]),
                    int(box["most"]),
                )
            )

    data = density_data(cells, span, step_ns=step_ns, noun=noun, hint=hint, chosen=chosen)
    component("density")(key=key, data=data, on_brushed_change=brushed)


def density_data(
    cells: pa.Table, span: TimeSpan, *, step_ns: int, noun: str, hint: str, chosen: Box
) -> dict[str, object]:
    """What the script draws: cells as column, bucket, count and failed; seconds and nanoseconds."""
    first = span.from_ns // step_ns * step_ns
    columns = -(-(span.to_ns - first) // step_ns)
    rows = [
        ((at - first) // step_ns, bucket, count, failed)
        for at, bucket, count, failed in zip(
            *(cells[name].to_pylist() for name in ("at_ns", "bucket", "spans", "failed")), strict=True
        )
    ]
    low = min((row[1] for row in rows), default=0)
    high = max((row[1] for row in rows), default=0)
    spare = max(0, FEWEST_ROWS - (high - low + 1))
    low, high = low - spare // 2, high + (spare + 1) // 2
    step_s = step_ns // NS_PER_S
    length = (
        f"{step_s} s" if step_s < 60 else f"{step_s // 60} min" if step_s < 3600 else f"{step_s // 3600} h"
    )
    total, failed = sum(row[2] for row in rows), sum(row[3] for row in rows)
    return {
        "cells": [list(row) for row in rows if 0 <= row[0] < columns],
        "columns": columns,
        "first": first // NS_PER_S,
        "step": step_s,
        "low": low,
        "high": high,
        "perDoubling": BUCKETS_PER_DOUBLING,
        "height": HEIGHT,
        "noun": noun,
        "hint": hint,
        "legend": f"{noun} in a cell of {length}, logarithmic",
        "chosen": None if chosen.empty else _chosen(chosen),
        "summary": f"Durations of {format_count(total)} {noun} over time, {format_count(failed)} failed. "
        "Arrow keys move, Shift and arrow keys span a box, Enter takes it.",
    }


def _chosen(box: Box) -> dict[str, float | int | None]:
    return {
        "from": box.from_ns / NS_PER_S if box.from_ns is not None else None,
        "to": box.to_ns / NS_PER_S if box.to_ns is not None else None,
        "least": box.least_ns,
        "most": box.most_ns,
    }

"""The waterfall of a trace: rows of its tree, logs and gauges in; what a person chose or folded out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.views.trace_tree import TraceSpan, TraceTree
from rootspan_dashboard.charts.plot import PALETTE
from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.formats import format_count, format_ms
from rootspan_dashboard.words.literal import visible

__all__ = ["SENT", "Lane", "Rows", "draw_waterfall", "waterfall_data"]

HEIGHT: Final = 560
SENT: Final = 400
"""Rows of a window: several screens of them, so that scrolling meets rows that are already there."""
MOST_PARTS: Final = 40
"""Pieces of self time or critical path drawn in one bar; more would be thinner than a pixel."""
COLORS: Final = tuple(one for one in PALETTE if one != "#d55e00")
"""Without the colour that marks errors."""
NAME_MOST: Final = 160


@dataclass(frozen=True, slots=True)
class Lane:
    """A gauge over the trace's time.

    Attributes:
        points: Unix nanoseconds and values, oldest first; also just outside of the trace.
        low, high: Limits of its axis.
        mean: Over the points within the trace, or nearest to it.
    """

    host: str
    name: str
    unit: str
    points: Sequence[tuple[int, float]]
    low: float
    high: float
    mean: float | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows the screen has.

    Attributes:
        places: Indices into the tree of all rows, in order.
        first: Where the window that is sent begins; None: all rows are sent, and folded in the browser.
        folded: Ids of folded spans, where the server folds.
    """

    places: Sequence[int]
    first: int | None = None
    folded: frozenset[str] = field(default_factory=frozenset)


def draw_waterfall(
    tree: TraceTree,
    rows: Rows,
    logs: pa.Table,
    lanes: Sequence[Lane],
    *,
    trace_id: str,
    selected: int,
    more_logs: bool,
    on_choose: Callable[[str], None],
    on_window: Callable[[int], None],
    on_fold: Callable[[str, bool, int], None],
    key: str,
) -> None:
    """Draw it.

    Args:
        on_choose: Called with a span's id before the next run.
        on_window: Called with the first row that a person scrolled to and that was not sent.
        on_fold: Called with a span's id, whether it was folded, and the first row in sight.
    """

    def told(name: str) -> Any:
        return st.session_state.get(key, {}).get(name)

    def chosen() -> None:
        if isinstance(told("chosen"), str):
            on_choose(told("chosen"))

    def moved() -> None:
        if isinstance(told("window"), int | float):
            on_window(int(told("window")))

    def folded() -> None:
        one = told("folded")
        if isinstance(one, dict):
            on_fold(str(one["id"]), bool(one["shut"]), int(one["first"]))

    data = waterfall_data(tree, rows, logs, lanes, trace_id=trace_id, selected=selected, more_logs=more_logs)
    component("waterfall")(
        key=key, data=data, on_chosen_change=chosen, on_window_change=moved, on_folded_change=folded
    )


def waterfall_data(
    tree: TraceTree,
    rows: Rows,
    logs: pa.Table,
    lanes: Sequence[Lane],
    *,
    trace_id: str,
    selected: int,
    more_logs: bool,
) -> dict[str, object]:
    """What the script draws. Times are nanoseconds from the trace's start.

    Numbers that JavaScript holds exactly.
    """
    by_time = tree.self_ns_by("service")
    names = sorted(by_time, key=lambda name: (-by_time[name], name))  # most self time: the first colour
    index = {name: i for i, name in enumerate(names)}
    windowed = rows.first is not None
    first = rows.first or 0
    sent = rows.places[first : first + SENT] if windowed else rows.places
    kept = None if windowed or len(rows.places) == len(tree) else set(rows.places)
    start = tree.start_ns
    return {
        "trace": trace_id,
        "total": max(1, tree.end_ns - start),
        "height": HEIGHT,
        "names": [visible(name) or "(no service)" for name in names],
        "colors": [COLORS[i % len(COLORS)] for i in range(len(names))],
        "spans": [_span(tree.spans[i], tree, kept, start, index) for i in sent],
        "windowed": windowed,
        "first": first,
        "count": len(rows.places),
        "folded": sorted(rows.folded),
        "selectedRow": _row_of(rows.places, selected),
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
        "lanes": [_lane(one, start, number) for number, one in enumerate(lanes)],
        "selected": tree.spans[selected].span_id,
        "summary": f"{format_count(len(rows.places))} spans in {format_ms((tree.end_ns - start) / 1e6)}",
    }


def _row_of(places: Sequence[int], place: int) -> int:
    try:
        return places.index(place)
    except ValueError:
        return -1


def _lane(one: Lane, start: int, number: int) -> dict[str, object]:
    return {
        "host": visible(one.host, most=NAME_MOST),
        "name": visible(one.name, most=NAME_MOST),
        "unit": one.unit,
        "points": [[at - start, float(f"{value:.5g}")] for at, value in one.points],
        "low": one.low,
        "high": one.high,
        "mean": one.mean,
        "color": COLORS[number % len(COLORS)],
    }


def _span(
    span: TraceSpan, tree: TraceTree, kept: set[int] | None, start: int, index: dict[str, int]
) -> dict[str, object]:
    shown = span.children if kept is None else [i for i in span.children if i in kept]
    hidden = 0 if kept is None else sum(1 + int(tree.below[i]) for i in span.children if i not in kept)
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
        "kids": bool(shown),
        "hidden": hidden,
    }


def _parts(parts: Sequence[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    longest = sorted(parts, key=lambda one: one[0] - one[1])[:MOST_PARTS]
    return [(a - start, b - start) for a, b in sorted(longest)]

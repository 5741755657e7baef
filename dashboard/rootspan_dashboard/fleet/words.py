"""What the fleet page says, from its read models: tiles, panels, rows and sentences. Pure; draws nothing."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import pandas as pd
import pyarrow as pa

from rootspan_analysis.views.fleet import Entry, Filters, Totals
from rootspan_dashboard.charts.lines import Panel
from rootspan_dashboard.components.tiles import Tile
from rootspan_dashboard.frame.header import View
from rootspan_dashboard.words.formats import (
    format_change,
    format_count,
    format_ms,
    format_rate,
    format_ratio,
)
from rootspan_dashboard.words.literal import escape

__all__ = ["group_panels", "kpi_tiles", "requests_are", "sampling_note", "services_frame"]

CALM = 0.05
"""A change of less than this share is not coloured."""


def kpi_tiles(totals: Totals, before: Totals | None, series: pa.Table, view: View) -> list[Tile]:
    """The row of figures: value, change against the preceding range, and its course."""
    seconds, seconds_before = view.covered_s(), view.covered_s(view.span.preceding())
    column = {name: series[name].to_pylist() for name in series.column_names}
    width = bucket_seconds(column["at_s"], view)
    errors = [_over(e, r) for e, r in zip(column["errors"], column["requests"], strict=True)]

    def per_s(name: str) -> list[float | None]:
        return [_over(value, s) for value, s in zip(column[name], width, strict=True)]

    def rate(name: Literal["requests", "spans"]) -> Tile:
        now = getattr(totals, name) / seconds
        earlier = getattr(before, name) / seconds_before if before else None
        return _tile(name.capitalize(), format_rate(now), now, earlier, per_s(name), more_is_worse=False)

    def latency(name: Literal["p50_ms", "p95_ms", "p99_ms"]) -> Tile:
        now, earlier = getattr(totals, name), getattr(before, name) if before else None
        return _tile(f"Latency {name[:3]}", format_ms(now), now, earlier, column[name], more_is_worse=True)

    ratio, ratio_before = totals.error_ratio, before.error_ratio if before else None
    hosts_before = before.hosts if before else None
    return [
        _tile(
            "Hosts",
            format_count(totals.hosts),
            totals.hosts,
            hosts_before,
            column["hosts"],
            more_is_worse=False,
        ),
        rate("requests"),
        rate("spans"),
        _tile("Error rate", format_ratio(ratio), ratio, ratio_before, errors, more_is_worse=True),
        latency("p50_ms"),
        latency("p95_ms"),
        latency("p99_ms"),
    ]


def _over(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by


def bucket_seconds(starts: Sequence[int], view: View) -> list[float]:
    """Seconds of each bucket in which there can be data: the first and the last are rarely whole."""
    if not starts:
        return []
    step = min((b - a for a, b in pairwise(starts)), default=view.span.to_s - view.span.from_s)
    first, last = view.extent.first_ns / 1e9, view.extent.last_ns / 1e9
    return [max(1.0, min(at + step, last) - max(at, first)) for at in starts]


def _tile(
    name: str,
    value: str,
    now: float,
    before: float | None,
    series: Sequence[float | None],
    *,
    more_is_worse: bool,
) -> Tile:
    change = format_change(now, before)
    mood: Literal["", "worse", "better"] = ""
    if change is not None and before and more_is_worse and abs(now / before - 1) >= CALM:
        mood = "worse" if now > before else "better"
    return Tile(name, value, f"{change} vs before" if change else "no data before", mood, series)


def requests_are(entries: Sequence[Entry], filters: Filters) -> str:
    """One sentence: what counts as a request here. Escaped."""
    if filters.service or not entries:
        whose = f"of {escape(filters.service)}" if filters.service else "of all services"
        return f"Requests, errors and latency: the spans {whose} that serve somebody."
    names = ", ".join(f"{escape(one.operation)} ({escape(one.service)})" for one in entries[:3])
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    return f"Requests, errors and latency: {names}{more}, where traces begin."


def sampling_note(totals: Totals) -> str:
    """Whether counts are scaled."""
    if totals.sampled:
        return "Senders kept a sample of the traces: counts and rates are scaled up by its ratio."
    return "Every trace was kept: counts are exact."


def group_panels(table: pa.Table, view: View, step_s: int) -> tuple[list[str], list[Panel]]:
    """Names in order of their traffic, and panels of rate, error rate and p95 by name."""
    rows: dict[str, list[dict[str, float]]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["name"] or "(none)", []).append(row)
    names = sorted(rows, key=lambda name: (-sum(one["requests"] for one in rows[name]), name))
    rate, errors, latency = {}, {}, {}
    for name in names:
        seconds = [int(one["at_s"]) for one in rows[name]]
        width = _widths(seconds, step_s, view)
        rate[name] = (seconds, [one["requests"] / w for one, w in zip(rows[name], width, strict=True)])
        errors[name] = (seconds, [_over(one["errors"], one["requests"]) for one in rows[name]])
        latency[name] = (seconds, [_finite(one["p95_ms"]) for one in rows[name]])
    panels = [
        Panel("Requests", "/s", rate),
        Panel("Error rate", "ratio", errors),
        Panel("Latency p95", "ms", latency),
    ]
    return names, panels


def _widths(seconds: Sequence[int], step_s: int, view: View) -> list[float]:
    first, last = view.extent.first_ns / 1e9, view.extent.last_ns / 1e9
    return [max(1.0, min(at + step_s, last) - max(at, first)) for at in seconds]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def services_frame(totals: pa.Table, series: pa.Table, view: View) -> pd.DataFrame:
    """`service, hosts, rate, errors, p50, p95, p99, course`, slowest p95 first; course is p95 over time."""
    course: dict[str, list[float]] = {}
    for row in series.to_pylist():
        course.setdefault(row["name"], []).append(_finite(row["p95_ms"]) or 0.0)
    seconds = view.covered_s()
    rows = [
        {
            "service": row["name"],
            "hosts": row["hosts"],
            "rate": row["requests"] / seconds,
            "errors": 100 * row["errors"] / row["requests"] if row["requests"] else None,
            "p50": _finite(row["p50_ms"]),
            "p95": _finite(row["p95_ms"]),
            "p99": _finite(row["p99_ms"]),
            "course": course.get(row["name"], []),
        }
        for row in totals.to_pylist()
    ]
    frame = pd.DataFrame(rows, columns=["service", "hosts", "rate", "errors", "p50", "p95", "p99", "course"])
    return frame.sort_values("p95", ascending=False, na_position="last", ignore_index=True)

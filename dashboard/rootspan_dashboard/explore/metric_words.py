"""What the metrics page says, from its read models: series by group and exemplars. Pure."""

from collections.abc import Sequence
from statistics import median

import pandas as pd
import pyarrow as pa

from rootspan_analysis.views.metrics import MetricName

__all__ = ["display_unit", "exemplars_frame", "series_by_name", "series_frame"]

Series = dict[str, tuple[list[int], list[float]]]


def display_unit(metric: MetricName) -> str:
    """The unit in which the chart shows it, as `formats.format_value` reads it."""
    if metric.kind == "sum":
        return "/s" if metric.unit in ("1", "") or metric.unit.startswith("{") else f"{metric.unit}/s"
    if metric.unit == "1" and ("utilization" in metric.metric or "ratio" in metric.metric):
        return "ratio"
    return {"1": "", "s": "s", "ms": "ms"}.get(metric.unit, metric.unit)


def series_by_name(table: pa.Table, *, most: int) -> tuple[Series, int]:
    """Seconds and values by group, at most so many groups; and how many there are.

    Of more, those that differ most from the median of all groups at the same times.
    """
    found: Series = {}
    at_once: dict[int, list[float]] = {}
    for row in table.to_pylist():
        seconds, values = found.setdefault(row["name"], ([], []))
        seconds.append(row["at_s"])
        values.append(row["value"])
        at_once.setdefault(row["at_s"], []).append(row["value"])
    middle = {at: median(values) for at, values in at_once.items()}
    away = {
        name: sum(abs(value - middle[at]) for at, value in zip(*course, strict=True)) / len(course[0])
        for name, course in found.items()
    }
    chosen = sorted(found, key=lambda name: (-away[name], name))[:most]
    return {name: found[name] for name in chosen}, len(found)


def series_frame(table: pa.Table, first: Sequence[str]) -> pd.DataFrame:
    """`group, mean, least, most, last`: a row each group; `first` in that order, then the largest mean."""
    frame = table.to_pandas()
    if frame.empty:
        return pd.DataFrame(columns=["group", "mean", "least", "most", "last"])
    grouped = frame.sort_values("at_s").groupby("name")["value"]
    rows = grouped.agg(mean="mean", least="min", most="max", last="last").reset_index(names="group")
    places = {name: place for place, name in enumerate(first)}
    rows["place"] = rows["group"].map(lambda name: places.get(name, len(places)))
    ordered = rows.sort_values(["place", "mean"], ascending=[True, False], ignore_index=True)
    return pd.DataFrame(ordered.drop(columns="place"))


def exemplars_frame(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """`at, value, group, trace`."""
    return pd.DataFrame(
        [
            {
                "at": pd.Timestamp(int(str(row["at_ns"])), unit="ns"),
                "value": row["value"],
                "group": row["name"],
                "trace": row["trace_id"],
            }
            for row in rows
        ]
    )

"""The hosts-by-time heatmap: a grid in, the cell or the window that a person chose out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rootspan_analysis.views.heat_grid import HeatRow, HostGrid
from rootspan_dashboard.components.heat_metrics import HeatMetric
from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.formats import format_step
from rootspan_dashboard.words.literal import visible

__all__ = ["Picked", "draw_heatmap", "heatmap_data"]

HEIGHTS = ((24, 17), (80, 14), (400, 11), (1500, 5))
"""Most rows, and how tall a row is then, in pixels; labels are left out below 9."""
LOWEST = 3
CLIP = 0.995
MOST_DOUBLINGS = 3.0


@dataclass(frozen=True, slots=True)
class Picked:
    """What a person chose: a host, a range in unix seconds, or both. An empty host means all."""

    service: str
    host: str
    from_s: int | None
    to_s: int | None


def draw_heatmap(
    grid: HostGrid,
    metric: HeatMetric,
    *,
    against_peers: bool,
    picked: tuple[str, str],
    like: HostGrid | None = None,
    key: str,
    on_pick: Callable[[Picked], None],
) -> None:
    """Draw the grid.

    Args:
        against_peers: Colour by the distance from the peers instead of by the value.
        picked: Service and host whose row is marked.
        like: The grid whose colour limits to take, so that two maps side by side can be compared.
        on_pick: Called before the next run with what was chosen.
    """
    data = heatmap_data(grid, metric, against_peers=against_peers, picked=picked, like=like)

    def chosen(name: str) -> Callable[[], None]:
        def call() -> None:
            value = _state(key, name)
            if value:
                on_pick(
                    Picked(
                        str(value.get("service") or ""),
                        str(value.get("host") or ""),
                        value.get("from"),
                        value.get("to"),
                    )
                )

        return call

    component("heatmap")(
        key=key, data=data, on_picked_change=chosen("picked"), on_brushed_change=chosen("brushed")
    )


def _state(key: str, name: str) -> Mapping[str, Any] | None:
    import streamlit as st

    value = st.session_state.get(key, {}).get(name)
    return value if isinstance(value, Mapping) else None


def heatmap_data(
    grid: HostGrid,
    metric: HeatMetric,
    *,
    against_peers: bool,
    picked: tuple[str, str],
    like: HostGrid | None = None,
) -> dict[str, object]:
    """What the script draws: groups of rows with values as numbers, colour limits, words."""
    shown = [_away(row, metric) if against_peers else row.values for row in grid.rows]
    scale = (
        shown if like is None else [_away(row, metric) if against_peers else row.values for row in like.rows]
    )
    lo, hi, clipped = _limits(scale, metric, against_peers=against_peers)
    peers = _Shared()
    groups: list[dict[str, object]] = []
    both = list(zip(grid.rows, shown, strict=True))
    for (region, zone), members in groupby(both, key=lambda pair: (pair[0].region, pair[0].zone)):
        rows = list(members)
        hosts = sum(row.others or 1 for row, _ in rows)
        label = " / ".join(visible(one) for one in (region, zone) if one) or "no place given"
        groups.append(
            {
                "label": label,
                "note": f"{hosts} host{'s' if hosts != 1 else ''}",
                "rows": [
                    _row(row, values, peers, against_peers=against_peers, picked=picked)
                    for row, values in rows
                ],
            }
        )
    height = next((tall for most, tall in HEIGHTS if len(grid.rows) <= most), LOWEST)
    ratios = against_peers and metric.compare == "ratio"
    return {
        "starts": list(grid.starts_s),
        "step": grid.step_s,
        "groups": groups,
        "peers": peers.arrays,
        "lo": lo,
        "hi": hi,
        "clipped": clipped,
        "unit": "times" if ratios else metric.unit,
        "doublings": ratios,
        "rawUnit": metric.unit,
        "diverging": against_peers,
        "lowIsBad": metric.worst == "low",
        "gaps": any(bool(np.isnan(values).any()) for values in shown),
        "rowHeight": height,
        "height": 620,
        "axis": "UTC",
        "legend": _legend(metric, grid.step_s, against_peers=against_peers),
        "summary": f"{metric.label} of {grid.hosts} hosts over time, by region and zone, outliers first",
    }


def _legend(metric: HeatMetric, step_s: int, *, against_peers: bool) -> str:
    step = format_step(step_s)
    if not against_peers:
        return f"{metric.words}, cells of {step}"
    how = "as a multiple of" if metric.compare == "ratio" else "minus"
    return f"{metric.words} {how} the median of the service's hosts, cells of {step}"


def _away(row: HeatRow, metric: HeatMetric) -> NDArray[np.float64]:
    """Distance from the peers: their difference, or the logarithm to base 2 of their ratio."""
    if metric.compare == "difference":
        return row.values - row.peers
    with np.errstate(divide="ignore", invalid="ignore"):
        doublings = np.log2(row.values / row.peers)
    return np.where(np.isfinite(doublings), doublings, np.nan)


def _limits(
    shown: Sequence[NDArray[np.float64]], metric: HeatMetric, *, against_peers: bool
) -> tuple[float, float, bool]:
    """Colour limits, and whether there are values beyond the bad one."""
    values = np.concatenate(shown) if shown else np.zeros(0)
    values = values[~np.isnan(values)]
    if not len(values):
        return 0.0, 1.0, False
    if against_peers:
        least = 0.5 if metric.compare == "ratio" else {"ratio": 0.02, "Cel": 5.0}.get(metric.unit, 1.0)
        most = MOST_DOUBLINGS if metric.compare == "ratio" else math.inf
        reach = max(least, min(float(np.quantile(np.abs(values), CLIP)), most))
        return -reach, reach, bool((values > reach).any())
    middle = float(np.median(values))
    if metric.worst == "low":
        low = _reach(values, middle, side=-1)
        return low, max(float(values.max()), low + 1e-9), bool((values < low).any())
    low = 0.0 if metric.unit == "ratio" else float(values.min())
    high = 1.0 if metric.unit == "ratio" and metric.gauge else _reach(values, middle, side=1)
    if high <= low:
        high = low + (0.01 if metric.unit == "ratio" else 1.0)
    return low, high, bool(values.max() > high)


def _reach(values: NDArray[np.float64], middle: float, *, side: Literal[-1, 1]) -> float:
    """Where the colours end on the bad side.

    Six times as far from the median as the worst hundredth of all cells begins: noise stays pale however many
    hosts there are, and one cell that is a thousand times off does not make all others alike.
    """
    away = side * (values - middle)
    usual = float(np.quantile(away, 0.99))
    most = float(away.max())
    return middle + side * (min(most, 6 * usual) if usual > 0 else most)


class _Shared:
    """Courses that many rows share, sent once each."""

    def __init__(self) -> None:
        self.arrays: list[list[float | None]] = []
        self._places: dict[bytes, int] = {}

    def place(self, values: NDArray[np.float64]) -> int:
        """Where a course stands in `arrays`."""
        key = values.tobytes()
        if key not in self._places:
            self._places[key] = len(self.arrays)
            self.arrays.append(_numbers(values))
        return self._places[key]


def _row(
    row: HeatRow, values: NDArray[np.float64], peers: _Shared, *, against_peers: bool, picked: tuple[str, str]
) -> dict[str, object]:
    label = visible(row.host) if not row.others else f"{row.others} other{'s' if row.others != 1 else ''}"
    return {
        "host": label,
        "service": visible(row.service),
        "others": row.others,
        "values": _numbers(values),
        "peers": peers.place(row.peers),
        "raw": _numbers(row.values) if against_peers else None,
        "picked": bool(row.host) and (row.service, row.host) == picked,
    }


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(one) else float(f"{one:.4g}") for one in values]

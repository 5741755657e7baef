"""Turns cells (service, host, time, value) into a grid of hosts by time, grouped by place, outliers first.

Pure: Arrow tables in, one dataclass out. A host stands out against its peers, the other hosts of its
service, at the same moment; so a load that moves all of them at once makes nobody an outlier.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rootspan_analysis.views.timespan import TimeSpan

__all__ = ["Direction", "HeatRow", "HostGrid", "build_grid"]

Direction = Literal["high", "low", "both"]
Floats = NDArray[np.float64]
WORST_BUCKETS = 3
OUTLIER_STEP = 4.5
"""In spreads: the noise of some thousand cells stays below."""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One service on one host, or the rest of a place in one row.

    Attributes:
        values: A value each bucket; NaN where nothing was reported.
        peers: The median of the service's hosts in the same buckets.
        score: How far it stands out in its worst buckets, in units of its service's usual spread.
        others: 0 for a host; else the number of hosts that this row sums up by their median.
    """

    service: str
    host: str
    region: str
    zone: str
    values: Floats
    peers: Floats
    score: float
    others: int = 0


@dataclass(frozen=True, slots=True)
class HostGrid:
    """Rows by region, zone, then score, places with an outlier first; buckets oldest first.

    Attributes:
        starts_s: Start of each bucket, unix seconds.
        hosts: Hosts that reported, whether they have a row of their own or not.
    """

    starts_s: tuple[int, ...]
    step_s: int
    rows: tuple[HeatRow, ...]
    hosts: int


def build_grid(
    cells: pa.Table,
    places: pa.Table,
    span: TimeSpan,
    *,
    value: str,
    step_s: int,
    compare: Literal["ratio", "difference"],
    worst: Direction,
    most_rows: int,
) -> HostGrid:
    """Pivot cells into a grid.

    Args:
        cells: `service, host, at_s` and the column `value`. Any order; a pair at most once a bucket.
        places: `service, host, region, zone`; hosts that it lacks get empty places.
        compare: Whether to stand out means to be a multiple of the peers' median, or to differ from it.
        worst: Which side of the peers is bad.
        most_rows: Hosts that get a row of their own, the worst of all. The rest become one row a zone.
    """
    first = span.from_s // step_s * step_s
    starts = tuple(range(first, span.to_s, step_s))
    where = {(p["service"], p["host"]): (p["region"], p["zone"]) for p in places.to_pylist()}
    names: dict[tuple[str, str], int] = {}
    keys = list(zip(cells["service"].to_pylist(), cells["host"].to_pylist(), strict=True))
    for key in keys:
        names.setdefault(key, len(names))
    matrix = np.full((len(names), len(starts)), np.nan)
    if keys:
        rows = np.array([names[key] for key in keys])
        columns = (cells["at_s"].to_numpy() - first) // step_s
        inside = (columns >= 0) & (columns < len(starts))
        matrix[rows[inside], columns[inside]] = cells[value].to_numpy().astype(np.float64)[inside]
    peers, scores = _against_peers(matrix, [service for service, _ in names], compare=compare, worst=worst)
    whole = [
        HeatRow(service, host, *where.get((service, host), ("", "")), matrix[i], peers[i], float(scores[i]))
        for (service, host), i in names.items()
    ]
    kept = sorted(whole, key=lambda row: -row.score)[:most_rows]
    left_out = sorted(whole, key=lambda row: -row.score)[most_rows:]
    return HostGrid(starts, step_s, _in_order(kept + _sum_up(left_out)), len(whole))


def _in_order(rows: list[HeatRow]) -> tuple[HeatRow, ...]:
    """Regions and zones with an outlier first, else by name.

    A healthy fleet keeps its order from one look to the next.
    """
    worst: dict[tuple[str, ...], int] = defaultdict(int)
    for row in rows:
        step = int(max(0.0, row.score) // OUTLIER_STEP)
        for place in ((row.region,), (row.region, row.zone)):
            worst[place] = max(worst[place], step)
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                -worst[(row.region,)],
                row.region,
                -worst[row.region, row.zone],
                row.zone,
                row.others > 0,
                -row.score,
                row.service,
                row.host,
            ),
        )
    )


def _against_peers(
    matrix: Floats, services: Sequence[str], *, compare: str, worst: Direction
) -> tuple[Floats, NDArray[np.float64]]:
    peers = np.full_like(matrix, np.nan)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, service in enumerate(services):
        groups[service].append(i)
    for members in groups.values():
        peers[members] = _median(matrix[members])
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.log2(matrix / peers) if compare == "ratio" else matrix - peers
    away = np.where(np.isfinite(away), away, 0.0)
    for members in groups.values():
        away[members] /= _spread(away[members])
    away = {"high": away, "low": -away, "both": np.abs(away)}[worst]
    top = np.sort(away, axis=1)[:, -WORST_BUCKETS:] if away.shape[1] else np.zeros((len(services), 1))
    return peers, top.mean(axis=1) if len(services) else np.zeros(0)


def _spread(away: Floats) -> float:
    """How far hosts of a service usually are from its median; never 0.

    The standard deviation keeps the largest of many small differences from looking like an outlier where most
    hosts do not differ at all (error rates), the median deviation where one host is far off all the time.
    """
    mad = 1.4826 * float(np.median(np.abs(away)))
    return max(mad, float(away.std()), 1e-12)


def _median(values: Floats) -> Floats:
    """Median of each column over its numbers; NaN where there are none."""
    result = np.full(values.shape[1], np.nan)
    some = ~np.isnan(values).all(axis=0)
    if some.any():
        result[some] = np.nanmedian(values[:, some], axis=0)
    return result


def _sum_up(rows: Sequence[HeatRow]) -> list[HeatRow]:
    groups: dict[tuple[str, str, str], list[HeatRow]] = defaultdict(list)
    for row in rows:
        groups[row.region, row.zone, row.service].append(row)
    return [
        HeatRow(
            service=service,
            host="",
            region=region,
            zone=zone,
            values=_median(np.stack([row.values for row in members])),
            peers=_median(np.stack([row.peers for row in members])),
            score=max(row.score for row in members),
            others=len(members),
        )
        for (region, zone, service), members in groups.items()
    ]

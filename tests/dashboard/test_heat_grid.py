"""Hosts by time: who stands out comes first, the rest is summed up, nothing is lost."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from rootspan_analysis.views.heat_grid import HostGrid, build_grid
from rootspan_analysis.views.timespan import TimeSpan, pick_step
from rootspan_dashboard.components.heat_metrics import HEAT_METRICS
from rootspan_dashboard.components.heatmap import heatmap_data

NS = 10**9
SPAN = TimeSpan(600 * NS, 1200 * NS)


def grid(hosts: int, *, slow: str = "h07", most_rows: int = 5, **values: float) -> HostGrid:
    cells, places = [], []
    for i in range(hosts):
        host = f"h{i:02d}"
        places.append({"service": "s", "host": host, "region": f"r{i % 2}", "zone": f"z{i % 2}"})
        for at in range(600, 1200, 60):
            value = 30.0 if host == slow and at >= 960 else values.get(host, 10.0)
            cells.append({"service": "s", "host": host, "at_s": at, "value": value})
    return build_grid(
        pa.Table.from_pylist(cells),
        pa.Table.from_pylist(places),
        SPAN,
        value="value",
        step_s=60,
        compare="ratio",
        worst="high",
        most_rows=most_rows,
    )


def test_the_outlier_is_the_first_row_of_the_first_place() -> None:
    found = grid(20)
    assert (found.rows[0].host, found.rows[0].region) == ("h07", "r1")
    assert found.rows[0].score > 3 * max(row.score for row in found.rows[1:])
    assert list(found.rows[0].peers) == [10.0] * 10


def test_every_host_has_a_row_or_is_counted_in_one() -> None:
    found = grid(2_000, most_rows=40)
    assert sum(row.others or 1 for row in found.rows) == found.hosts == 2_000
    assert sum(1 for row in found.rows if not row.others) == 40
    assert len(found.rows) == 42


def test_a_healthy_fleet_keeps_its_places_in_the_order_of_their_names() -> None:
    found = grid(6, slow="", h03=11.0)
    regions = [row.region for row in found.rows]
    assert regions == sorted(regions)


def test_a_host_that_reported_nothing_for_a_while_has_gaps_and_no_zeros() -> None:
    cells = pa.Table.from_pylist([{"service": "s", "host": "h", "at_s": 660, "value": 1.0}])
    places = pa.Table.from_pylist([{"service": "s", "host": "h", "region": "", "zone": ""}])
    found = build_grid(
        cells, places, SPAN, value="value", step_s=60, compare="ratio", worst="high", most_rows=5
    )
    (row,) = found.rows
    assert [one for one in row.values if not math.isnan(one)] == [1.0]
    data: Any = heatmap_data(found, HEAT_METRICS["p95"], against_peers=False, picked=("", ""))
    assert data["groups"][0]["rows"][0]["values"].count(None) == 9
    assert data["gaps"]
    assert data["groups"][0]["label"] == "no place given"


def test_against_peers_a_value_three_times_as_large_is_as_far_as_one_a_third_as_large() -> None:
    found = grid(20, h03=10 / 3)
    data: Any = heatmap_data(found, HEAT_METRICS["p95"], against_peers=True, picked=("s", "h07"))
    rows = {row["host"]: row for group in data["groups"] for row in group["rows"]}
    assert rows["h07"]["values"][-1] == pytest.approx(math.log2(3), abs=1e-3)
    assert rows["h07"]["picked"]
    assert data["lo"] == -data["hi"]


def test_a_range_never_has_more_buckets_than_asked_for() -> None:
    for hours in (0.1, 1, 3, 24, 24 * 7, 24 * 31):
        span = TimeSpan(0, int(hours * 3600 * NS))
        assert (span.to_s - span.from_s) / pick_step(span, most=90) <= 90

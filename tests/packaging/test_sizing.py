"""Sizes of an installation: the document says what the script prints, and the arithmetic holds."""

from pathlib import Path

import pytest
from bench.sizing import Costs, Fleet, main, size

_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scale.md"


def test_the_document_has_the_tables_that_the_script_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.strip() in _DOCUMENT.read_text("utf-8")


def test_the_document_says_what_100_000_gpus_need() -> None:
    text = " ".join(_DOCUMENT.read_text("utf-8").split())
    whole, tenth = (size(Fleet(machines=12_500, sampled=share), Costs()) for share in (1.0, 0.1))
    assert f"says {whole.nodes} ClickHouse nodes and {whole.usd_month:,.0f} USD a month" in text
    assert f"{tenth.nodes} nodes and {tenth.usd_month:,.0f} USD with a tenth" in text


def test_a_fleet_by_hand() -> None:
    costs = Costs(
        collector_span_us=4, store_span_us=10, span_disk_bytes=50, node_cores=16, node_disk_bytes=1e12
    )
    fleet = Fleet(machines=1000, spans_per_s=100, logs_per_s=0, points_per_s=0, raw_days=10, replicas=1)
    found = size(fleet, costs)
    assert found.items_per_s == 100_000
    assert found.collector_cores == pytest.approx(0.4)
    # 100,000 × 50 B × 864,000 s = 4.32 TB, on nodes of 1 TB half full.
    assert found.raw_bytes == pytest.approx(4.32e12)
    assert (found.shards, found.nodes) == (9, 9)
    assert found.store_cores == pytest.approx(1.0 + 100_000 * costs.second_hop_us / 1e6)


def test_twice_the_fleet_costs_twice_but_for_what_is_rounded_up() -> None:
    one, two = (size(Fleet(machines=n), Costs()) for n in (50_000, 100_000))
    assert two.usd_month == pytest.approx(2 * one.usd_month, rel=0.02)
    assert size(Fleet(machines=1), Costs()).nodes == 2, "at least one shard, and its replica"


def test_a_setting_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--machines", "10", "--spans-per-s", "0", "--logs-per-s", "0", "--points-per-s", "5"]) == 0
    assert "| items a second | 50 |" in capsys.readouterr().out

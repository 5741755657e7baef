"""Read models against the real store: exact counts, near quantiles, and names that are no SQL."""

from __future__ import annotations

import time

import pytest
from stage import HOSTILE, HOSTILE_TRACE, NS_PER_S, Stage

from rootspan_analysis.views.fleet import (
    Filters,
    fetch_entries,
    fetch_extent,
    fetch_group_totals,
    fetch_host_cells,
    fetch_places,
    fetch_totals,
)
from rootspan_analysis.views.raw_tables import in_range
from rootspan_analysis.views.statements import read_statement
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import TraceFilter
from rootspan_analysis.views.trace_search import fetch_trace_list
from rootspan_analysis.views.traces import fetch_span_detail, fetch_trace_bounds, fetch_trace_logs
from rootspan_dashboard.reading import connection
from rootspan_store.client import connect

pytestmark = pytest.mark.process


def test_services_quantiles_are_within_a_bucket_of_the_exact_ones(stage: Stage) -> None:
    client = connect(stage.store.url)
    span = TimeSpan(stage.from_ns, stage.to_ns)
    exact = {
        row[0]: (float(row[1]), float(row[2]))
        for row in client.query(
            """SELECT ServiceName, sum(Weight), quantileExact(0.95)(Duration) / 1e6 FROM otel_traces
            WHERE SpanKind = 'Server' AND Timestamp >= fromUnixTimestamp64Nano({a:Int64})
                AND Timestamp < fromUnixTimestamp64Nano({b:Int64}) GROUP BY 1""",
            parameters={"a": stage.from_ns, "b": stage.to_ns},
        ).result_rows
    }
    found = fetch_group_totals(client, span, Filters(), (), dimension="service").to_pylist()
    assert {row["name"] for row in found} == set(exact) == {"gateway", "balancer", "ranker", "feature-store"}
    for row in found:
        requests, p95_ms = exact[row["name"]]
        assert row["requests"] == pytest.approx(requests)
        assert row["p95_ms"] == pytest.approx(p95_ms, rel=0.09)


def test_cells_add_up_to_the_totals(stage: Stage) -> None:
    client = connect(stage.store.url)
    span = TimeSpan(stage.from_ns, stage.to_ns)
    cells = fetch_host_cells(client, span, Filters("ranker"), quantile=0.95, step_s=60)
    totals = fetch_totals(client, span, Filters("ranker"), ())
    assert totals is not None
    assert sum(cells["requests"].to_pylist()) == pytest.approx(totals.requests)
    assert totals.sampled


def test_entries_are_where_traces_begin(stage: Stage) -> None:
    entries = fetch_entries(connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns))
    assert [(one.service, one.operation) for one in entries] == [("gateway", "POST /recommend")]


def test_a_page_s_questions_wish_to_be_last_in_line(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTSPAN_STORE", stage.store.url)
    connection.settings.cache_clear()
    try:
        told = connection.client().query_arrow(
            "SELECT toInt64(getSetting('os_threads_nice_value_query')) AS nice"
        )
    finally:
        connection.settings.cache_clear()
    assert told["nice"].to_pylist() == [19]


def test_entries_are_found_where_the_data_ends(stage: Stage) -> None:
    quiet = TimeSpan(stage.from_ns, stage.to_ns + 600 * NS_PER_S)
    found = fetch_entries(connect(stage.store.url), quiet)
    assert [(one.service, one.operation) for one in found] == [("gateway", "POST /recommend")]


def test_names_full_of_sql_are_only_compared(stage: Stage) -> None:
    client = connect(stage.store.url)
    minute = 60 * NS_PER_S
    span = TimeSpan(stage.hostile_ns // minute * minute, stage.hostile_ns // minute * minute + 2 * minute)
    filters = Filters(HOSTILE["service"], HOSTILE["region"])
    totals = fetch_totals(client, span, filters, ())
    assert totals is not None
    assert (totals.spans, totals.errors) == (3, 3)
    only = TraceFilter(service=HOSTILE["service"], host=HOSTILE["host"], operation=HOSTILE["operation"])
    assert fetch_trace_list(client, span, only, order="failed", limit=9)["trace_id"].to_pylist() == [
        HOSTILE_TRACE
    ]
    assert fetch_places(client, span)["host"].to_pylist() == [HOSTILE["host"]]
    assert fetch_totals(client, span, Filters("' OR 1 = 1 --"), ()) is None


def test_a_span_comes_with_all_that_was_sent(stage: Stage) -> None:
    client = connect(stage.store.url)
    bounds = fetch_trace_bounds(client, HOSTILE_TRACE)
    assert bounds is not None
    span = fetch_span_detail(client, HOSTILE_TRACE, "01" * 8, bounds)
    assert span is not None
    assert span.attributes == {HOSTILE["operation"]: HOSTILE["host"], "note": HOSTILE["markdown"]}
    assert span.resource["cloud.region"] == HOSTILE["region"]
    assert [(one.name, one.at_ns - span.start_ns) for one in span.events] == [
        (HOSTILE["operation"], 2_000_000)
    ]
    logs = fetch_trace_logs(client, HOSTILE_TRACE, bounds).to_pylist()
    assert [(row["severity"], row["body"]) for row in logs] == [("ERROR", HOSTILE["operation"])]
    assert fetch_trace_bounds(client, "0" * 32) is None


def test_extent_is_that_of_all_spans(stage: Stage) -> None:
    extent = fetch_extent(connect(stage.store.url))
    assert extent is not None
    row = stage.store.query(
        "SELECT toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp)) FROM otel_traces"
    )
    assert row == f"{extent.first_ns}\t{extent.last_ns}"


def test_statements_take_values_by_parameters_only() -> None:
    text = read_statement("fleet_totals")
    assert "${" not in text
    assert "{service:String}" in text


def test_a_late_range_is_read_from_raw_tables_and_an_early_one_from_the_views(stage: Stage) -> None:
    client = connect(stage.store.url)
    text = "SELECT count() FROM rootspan_spans, rootspan_logs"
    assert in_range(client, text, time.time_ns() - 29 * 86_400 * NS_PER_S) == (
        "SELECT count() FROM otel_traces, otel_logs"
    )
    assert in_range(client, text, time.time_ns() - 31 * 86_400 * NS_PER_S) == text
    assert in_range(client, text, None) == text
    assert in_range(client, "SELECT 1 FROM rootspan_spans_of_mine", time.time_ns()).endswith("spans_of_mine")

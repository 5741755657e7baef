"""Logs, services and metrics show what the store holds, and lead on to traces."""

from __future__ import annotations

import re
import time

import pytest
from looking import open_view, settle
from playwright.sync_api import Page, expect
from stage import HOSTILE, HOSTILE_TRACE, HUGE_TRACE, NS_PER_S, Stage

from rootspan_analysis import window
from rootspan_analysis.views import service_edges
from rootspan_analysis.views.logs import LogFilter, fetch_log_templates
from rootspan_analysis.views.metrics import MetricFilter, MetricName, fetch_metric_series
from rootspan_analysis.views.service_edges import fetch_service_edges
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.services.layout import arrange
from rootspan_dashboard.words.formats import format_count, format_rate
from rootspan_store.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def in_range(stage: Stage) -> str:
    return (
        f"Timestamp >= fromUnixTimestamp64Nano({stage.from_ns}) "
        f"AND Timestamp < fromUnixTimestamp64Nano({stage.to_ns})"
    )


def test_logs_are_counted_sorted_into_kinds_and_lead_to_their_trace(stage: Stage, page: Page) -> None:
    open_view(page, stage, "logs", severity="WARN", service="ranker")
    total = stage.store.number(
        f"""SELECT count() FROM otel_logs
        WHERE Severity = 'WARN' AND ServiceName = 'ranker' AND {in_range(stage)}"""
    )
    expect(page.get_by_text(f"{format_count(total)} in this range, by severity")).to_be_visible()
    newest = stage.store.query(
        f"""SELECT TraceId FROM otel_logs WHERE Severity = 'WARN' AND ServiceName = 'ranker' AND TraceId != ''
        AND positionCaseInsensitive(Body, 'SLOW request') > 0 AND {in_range(stage)}
        ORDER BY Timestamp DESC LIMIT 1"""
    )
    text = page.get_by_role("textbox", name="Text")
    text.fill("SLOW request")
    text.press("Enter")
    expect(page).to_have_url(re.compile("text=SLOW"))
    settle(page)
    page.get_by_test_id("stDataFrame").last.locator(".dvn-scroller").click(position={"x": 500, "y": 52})
    expect(page.locator(".rs-title")).to_have_text("Trace")
    expect(page).to_have_url(re.compile(f"trace={newest}"))


def test_kinds_of_logs_add_up_to_all_logs(stage: Stage) -> None:
    span = TimeSpan(stage.from_ns, stage.to_ns)
    kinds = fetch_log_templates(
        connect(stage.store.url), span, LogFilter(), step_s=60, limit=1000
    ).to_pylist()
    total = stage.store.number(f"SELECT count() FROM otel_logs WHERE {in_range(stage)}")
    assert sum(one["records"] for one in kinds) == total
    assert all(sum(one["course"]) == one["records"] for one in kinds)
    assert len(kinds) < total / 20


def test_a_record_that_arrives_appears_in_the_live_tail_and_opens_its_trace(stage: Stage, page: Page) -> None:
    words = f"live {time.time_ns()}"
    open_view(page, stage, "logs", live="1", text=words)
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    connect(stage.store.url).insert(
        "otel_logs",
        [[time.time_ns(), words, "tailed", 9, HUGE_TRACE]],
        column_names=["Timestamp", "Body", "ServiceName", "SeverityNumber", "TraceId"],
    )
    expect(page.get_by_text("Nothing yet")).to_have_count(0)
    page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(position={"x": 500, "y": 52})
    expect(page).to_have_url(re.compile(f"trace={HUGE_TRACE}"))


def test_the_map_has_every_service_and_call_with_the_stores_rates(stage: Stage, page: Page) -> None:
    open_view(page, stage, "services")
    seconds = (stage.to_ns - stage.from_ns) / NS_PER_S
    calls = stage.store.query(
        f"""SELECT ServiceName, SpanAttributes['peer.service'] AS peer, sum(Weight) FROM otel_traces
        WHERE SpanKind = 'Client' AND {in_range(stage)} GROUP BY 1, 2 ORDER BY 1, 2"""
    ).split("\n")
    found = fetch_service_edges(connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns))
    assert {(one.caller, one.callee) for one in found} == {tuple(row.split("\t")[:2]) for row in calls}
    for row in calls:
        caller, callee, count = row.split("\t")
        edge = next(one for one in found if (one.caller, one.callee) == (caller, callee))
        assert edge.calls == pytest.approx(float(count), rel=1e-4)
        assert 0 < edge.gap_p50_ms < edge.p50_ms
        expect(
            page.locator(".edge text").filter(has_text=format_rate(float(count) / seconds)).first
        ).to_be_visible()
    expect(page.locator(".node")).to_have_count(4)
    page.locator(".node").filter(has_text="ranker").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("service=ranker"))
    settle(page)
    expect(page.get_by_text("of ranker; the edge gap")).to_be_visible()
    page.locator(".st-key-picked").get_by_role("link", name="Its logs").click()
    expect(page.get_by_role("combobox", name="Service")).to_have_value("ranker")


def test_calls_of_a_busy_range_are_scaled_up_from_slices_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, span = connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns)
    exact = {(one.caller, one.callee): one for one in fetch_service_edges(client, span)}
    monkeypatch.setattr(service_edges, "MOST_SPANS", 30_000)
    some = fetch_service_edges(client, span)
    assert {(one.caller, one.callee) for one in some} == set(exact)
    for one in some:
        whole = exact[one.caller, one.callee]
        assert one.seen < whole.seen
        assert one.calls == pytest.approx(whole.calls, rel=0.2)
        assert one.p50_ms == pytest.approx(whole.p50_ms, rel=0.2)


def test_calls_of_a_large_range_come_from_the_sample_of_traces(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, span = connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns)
    exact = {(one.caller, one.callee): one for one in fetch_service_edges(client, span)}
    monkeypatch.setattr(window, "MAX_SPANS", 1000)
    some = fetch_service_edges(client, span)
    assert {(one.caller, one.callee) for one in some} == set(exact)
    for one in some:
        whole = exact[one.caller, one.callee]
        assert one.seen < whole.seen / 4
        assert one.calls == pytest.approx(whole.calls, rel=0.1)
        assert one.p50_ms == pytest.approx(whole.p50_ms, rel=0.1)
        assert one.gap_p50_ms == pytest.approx(whole.gap_p50_ms, rel=0.1)


def test_fifty_services_in_cycles_find_a_place_each_and_callers_stand_before_callees() -> None:
    names = [f"s{i:02}" for i in range(50)]
    calls = [(names[i], names[j]) for i in range(50) for j in range(i + 1, min(50, i + 4))] + [("s49", "s00")]
    layers = arrange(names, calls)
    assert sorted(name for row in layers for name in row) == names
    place = {name: k for k, row in enumerate(layers) for name in row}
    assert all(place[a] < place[b] for a, b in calls[:-1])
    assert arrange([], []) == []


def test_a_counters_rate_survives_its_reset_and_an_exemplar_opens_its_trace(stage: Stage, page: Page) -> None:
    client = connect(stage.store.url)
    span = TimeSpan(stage.to_ns - 600 * NS_PER_S, stage.to_ns + 60 * NS_PER_S)
    counter = MetricName("test.requests", "sum", "{request}", "")
    found = fetch_metric_series(
        client, span, counter, MetricFilter(dimension="service"), step_s=60
    ).to_pylist()
    assert [(row["name"], row["value"]) for row in found] == [(HOSTILE["service"], 150 / 60)]
    latency = MetricName("test.latency", "histogram", "ms", "")
    found = fetch_metric_series(client, span, latency, MetricFilter(), step_s=60).to_pylist()
    assert [row["value"] for row in found] == [12.5]
    open_view(page, stage, "metrics", name="test.latency histogram", by="service")
    expect(page.get_by_text("the largest recorded values that name their trace")).to_be_visible()
    assert page.evaluate("() => window.__pwned") is None
    page.get_by_test_id("stDataFrame").last.locator(".dvn-scroller").click(position={"x": 320, "y": 52})
    expect(page).to_have_url(re.compile(f"trace={HOSTILE_TRACE}"))


def test_a_gauge_by_host_is_the_mean_of_its_points(stage: Stage) -> None:
    span = TimeSpan(stage.from_ns, stage.to_ns)
    gauge = MetricName("hw.gpu.clock", "gauge", "MHz", "")
    rows = fetch_metric_series(
        connect(stage.store.url),
        span,
        gauge,
        MetricFilter(host=stage.suspect, dimension="host"),
        step_s=86_400,
    ).to_pylist()
    mean = stage.store.query(
        f"""SELECT avg(Value) FROM otel_metrics_gauge WHERE MetricName = 'hw.gpu.clock'
        AND HostName = '{stage.suspect}' AND TimeUnix >= fromUnixTimestamp64Nano({stage.from_ns})
        AND TimeUnix < fromUnixTimestamp64Nano({stage.to_ns})"""
    )
    assert [row["name"] for row in rows] == [stage.suspect]
    assert rows[0]["value"] == pytest.approx(float(mean))

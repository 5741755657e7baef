"""The traces page: what the query finds, what the heatmap counts, and where a brushed box leads."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from looking import open_view, settle
from playwright.sync_api import Page, expect
from stage import HOSTILE, NS_PER_S, Stage

from rootspan_analysis.views import trace_attempts, trace_search
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_filter import Condition, TraceFilter, TraceOrder
from rootspan_analysis.views.trace_search import (
    fetch_attribute_keys,
    fetch_attribute_values,
    fetch_latency_cells,
    fetch_trace_list,
)
from rootspan_dashboard.frame.url_state import parse_moment
from rootspan_dashboard.words.durations import parse_duration
from rootspan_dashboard.words.formats import format_count
from rootspan_store.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def in_range(stage: Stage) -> str:
    return (
        f"Timestamp >= fromUnixTimestamp64Nano({stage.from_ns}) "
        f"AND Timestamp < fromUnixTimestamp64Nano({stage.to_ns})"
    )


def test_the_slowest_trace_is_first_and_a_click_on_its_row_opens_it(stage: Stage, page: Page) -> None:
    open_view(page, stage, "traces")
    slowest = stage.store.query(
        f"""SELECT TraceId FROM otel_traces WHERE ParentSpanId = ''
            AND Timestamp >= fromUnixTimestamp64Nano({stage.from_ns})
            AND Timestamp < fromUnixTimestamp64Nano({stage.to_ns}) ORDER BY Duration DESC LIMIT 1"""
    )
    page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(position={"x": 320, "y": 52})
    expect(page).to_have_url(re.compile(f"trace={slowest}"))
    settle(page)
    count = stage.store.number(f"SELECT count() FROM otel_traces WHERE TraceId = '{slowest}'")
    expect(page.locator(".row")).to_have_count(count)


def test_a_condition_is_put_together_from_what_the_store_offers_and_finds_what_it_says(
    stage: Stage, page: Page
) -> None:
    open_view(page, stage, "traces")
    page.get_by_role("combobox", name="Attribute").fill("request.model")
    expect(page.get_by_role("option", name="gen_ai.request.model")).to_be_visible()
    page.get_by_role("combobox", name="Attribute").press("Enter")  # the only key that holds it
    expect(page.get_by_role("combobox", name="Attribute")).to_have_value("gen_ai.request.model")
    models = stage.store.query(
        """SELECT DISTINCT SpanAttributes['gen_ai.request.model'] AS m FROM otel_traces
        WHERE m != '' ORDER BY m"""
    ).split("\n")
    page.get_by_role("combobox", name="Value").click()
    expect(page.get_by_role("option")).to_have_count(len(models))
    assert sorted(page.get_by_role("option").all_inner_texts()) == models
    page.get_by_role("option", name=models[0]).click()
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".rs-chip")).to_have_text(f"gen_ai.request.model = {models[0]}")
    matching = f"{in_range(stage)} AND SpanAttributes['gen_ai.request.model'] = '{models[0]}'"
    least = stage.store.number(
        f"""SELECT intDiv(Duration, 1000000) FROM otel_traces WHERE {matching}
        ORDER BY Duration DESC LIMIT 1 OFFSET 60"""
    )
    page.get_by_role("textbox", name="From duration").fill(f"{least} ms")
    page.get_by_role("textbox", name="From duration").press("Enter")
    expect(page).to_have_url(re.compile(f"min={least}"))
    settle(page)
    found = stage.store.number(
        f"SELECT uniqExact(TraceId) FROM otel_traces WHERE {matching} AND Duration >= {least}000000"
    )
    assert 0 < found < 100
    expect(page.get_by_text(f"{format_count(found)} traces by the span that matches")).to_be_visible()
    other = page.context.new_page()  # the link alone shows the same
    other.goto(page.url)
    settle(other)
    expect(other.get_by_text(f"{format_count(found)} traces by the span that matches")).to_be_visible()
    other.get_by_role("button", name="Remove").click()
    expect(other.locator(".rs-chip")).to_have_count(0)


def test_a_brushed_box_bounds_the_list_and_asks_for_the_cause_of_its_window(stage: Stage, page: Page) -> None:
    open_view(page, stage, "traces")
    canvas = page.locator(".plot canvas")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] * 0.4, steps=4)
    page.mouse.up()
    expect(page.locator(".st-key-picked")).to_be_visible()
    settle(page)
    query = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    low, high = parse_duration(query["min"]), parse_duration(query["max"])
    begin, end = parse_moment(query["cell_from"]), parse_moment(query["cell_to"])
    assert None not in (low, high, begin, end)
    assert stage.from_ns < begin < end <= stage.to_ns + 60 * NS_PER_S
    found = stage.store.number(
        f"""SELECT count() FROM otel_traces WHERE ParentSpanId = '' AND Duration BETWEEN {low} AND {high}
            AND Timestamp >= fromUnixTimestamp64Nano({begin})
            AND Timestamp < fromUnixTimestamp64Nano({min(end, stage.to_ns)})"""
    )
    words = "the first 100 traces" if found >= 100 else f"{format_count(found)} traces"
    expect(page.get_by_text(f"{words} by their root span")).to_be_visible()
    page.locator(".st-key-picked").get_by_role("link", name="Explain this window").click()
    expect(page.locator(".rs-title")).to_have_text("Root cause")
    assert parse_moment(parse_qs(urlsplit(page.url).query)["to"][0]) == min(end, stage.to_ns)


def test_cells_hold_every_matching_span_once(stage: Stage) -> None:
    client = connect(stage.store.url)
    span = TimeSpan(stage.from_ns, stage.to_ns)
    cells = fetch_latency_cells(client, span, TraceFilter(), step_ns=10 * NS_PER_S).to_pylist()
    assert sum(one["spans"] for one in cells) == stage.store.number(
        f"SELECT count() FROM otel_traces WHERE ParentSpanId = '' AND {in_range(stage)}"
    )
    assert sum(one["failed"] for one in cells) == stage.store.number(
        f"SELECT countIf(ParentSpanId = '' AND StatusCode = 'Error') FROM otel_traces WHERE {in_range(stage)}"
    )


@pytest.mark.parametrize(
    ("condition", "sql"),
    [
        (
            Condition("rootspan.queue.wait_ms", ">", "50"),
            "toFloat64OrZero({a}['rootspan.queue.wait_ms']) > 50",
        ),
        (Condition("app.surface", "~", "FEE"), "{a}['app.surface'] ILIKE '%fee%'"),
        (Condition("error.type", "exists"), "mapContains({a}, 'error.type')"),
        (Condition("host.name", "=", "gpu-001"), "HostName = 'gpu-001'"),
        (Condition("' OR 1 = 1 --", "=", "x'"), "0"),
    ],
)
def test_each_comparison_finds_what_plain_sql_finds(stage: Stage, condition: Condition, sql: str) -> None:
    span = TimeSpan(stage.from_ns, stage.to_ns)
    only = TraceFilter(where=(condition,))
    found = fetch_trace_list(connect(stage.store.url), span, only, order="newest", limit=100_000)
    assert found.num_rows == stage.store.number(
        f"""SELECT uniqExact(TraceId) FROM otel_traces
        WHERE {in_range(stage)} AND {sql.format(a="SpanAttributes")}"""
    )
    assert Condition.read(condition.write()) == condition


def test_hostile_keys_and_values_are_offered_as_they_are(stage: Stage) -> None:
    client = connect(stage.store.url)
    span = TimeSpan(stage.hostile_ns - NS_PER_S, stage.hostile_ns + NS_PER_S)
    keys = fetch_attribute_keys(client, span, HOSTILE["service"])
    assert {HOSTILE["operation"], "note"} <= set(keys)
    assert fetch_attribute_values(client, span, HOSTILE["service"], HOSTILE["operation"]) == (
        HOSTILE["host"],
    )
    condition = Condition(HOSTILE["operation"], "=", HOSTILE["host"])
    assert Condition.read(json.loads(json.dumps(condition.write()))) == condition


@pytest.mark.parametrize("order", ["slowest", "newest", "failed"])
@pytest.mark.parametrize(
    "only",
    [
        TraceFilter(),
        TraceFilter(service="ranker", max_duration_ns=20_000_000),
        TraceFilter(where=(Condition("app.surface", "~", "fee"),)),
        TraceFilter(host="gpu-001", failed=True),
    ],
)
def test_a_list_of_a_large_range_is_the_one_that_reading_all_of_it_gives(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, order: TraceOrder, only: TraceFilter
) -> None:
    client, span = connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns)
    whole = fetch_trace_list(client, span, only, order=order, limit=40)
    monkeypatch.setattr(trace_attempts, "FEW_SPANS", 0)
    assert fetch_trace_list(client, span, only, order=order, limit=40).equals(whole)


def test_random_traces_of_a_large_range_are_the_same_each_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, span = connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns)
    monkeypatch.setattr(trace_attempts, "FEW_SPANS", 0)
    monkeypatch.setattr(trace_attempts, "RANDOM_SPANS", 20_000)
    found = fetch_trace_list(client, span, TraceFilter(), order="random", limit=40)
    assert len(set(found["trace_id"].to_pylist())) == 40
    assert fetch_trace_list(client, span, TraceFilter(), order="random", limit=40).equals(found)


def test_keys_of_a_busy_end_are_those_of_some_of_its_seconds(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, span = connect(stage.store.url), TimeSpan(stage.from_ns, stage.to_ns)
    every = fetch_attribute_keys(client, span, "ranker")
    monkeypatch.setattr(trace_search, "COMPLETION_SPANS", 1000)
    some = fetch_attribute_keys(client, span, "ranker")
    assert set(some) <= set(every)
    assert {"host.name", "service.name", "rpc.system.name"} <= set(some)


def test_the_list_is_downloaded_whole_and_without_formulas(stage: Stage, page: Page) -> None:
    open_view(page, stage, "traces", failed="1")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV", exact=True).click()
    text = waiting.value.path().read_text()
    assert text.startswith("started,duration,service,operation,host,status,trace\n")
    failed = stage.store.number(
        f"""SELECT uniqExact(TraceId) FROM otel_traces
        WHERE ParentSpanId = '' AND StatusCode = 'Error' AND {in_range(stage)}"""
    )
    assert len(text.splitlines()) == 1 + min(100, failed)

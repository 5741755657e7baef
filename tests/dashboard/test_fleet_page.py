"""The fleet page shows what the store holds, and its view survives in a link."""

from __future__ import annotations

import re
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from looking import address, milliseconds, open_view, settle, tiles
from playwright.sync_api import Page, expect
from stage import NS_PER_S, Stage

from rootspan_dashboard.words.formats import format_count, format_rate, format_ratio
from support.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.process]


def test_figures_are_those_of_the_raw_spans_scaled_by_their_weights(stage: Stage, page: Page) -> None:
    open_view(page, stage)
    shown = tiles(page)
    row = stage.store.query(
        f"""SELECT uniqExactIf(HostName, HostName != ''), sum(Weight),
            sumIf(Weight, ParentSpanId = ''), sumIf(Weight, ParentSpanId = '' AND StatusCode = 'Error'),
            quantileExactIf(0.5)(Duration, ParentSpanId = '') / 1e6,
            quantileExactIf(0.95)(Duration, ParentSpanId = '') / 1e6,
            quantileExactIf(0.99)(Duration, ParentSpanId = '') / 1e6
        FROM otel_traces
        WHERE Timestamp >= fromUnixTimestamp64Nano({stage.from_ns})
            AND Timestamp < fromUnixTimestamp64Nano({stage.to_ns})"""
    ).split("\t")
    hosts, spans, requests, errors, *quantiles = (float(one) for one in row)
    seconds = (stage.to_ns - stage.from_ns) / NS_PER_S
    assert shown["Hosts"] == format_count(hosts)
    assert shown["Spans"] == format_rate(spans / seconds)
    assert shown["Requests"] == format_rate(requests / seconds)
    assert shown["Error rate"] == format_ratio(errors / requests)
    for name, exact_ms in zip(("p50", "p95", "p99"), quantiles, strict=True):
        # The rollup's buckets are 9 % wide; interpolated, a quantile is nearer than one of them.
        assert milliseconds(shown[f"Latency {name}"]) == pytest.approx(exact_ms, rel=0.09), name
    note = page.get_by_text("scaled up by its ratio")
    expect(note).to_be_visible()
    expect(page.get_by_text("POST /recommend (gateway)")).to_be_visible()


def test_the_planted_host_stands_first_in_the_heatmap_and_a_click_leads_on_to_its_explanation(
    stage: Stage, page: Page
) -> None:
    open_view(page, stage)
    first = page.locator(".labels div span").first
    expect(first).to_have_text(stage.suspect)
    canvas = page.locator(".body canvas").first
    box = canvas.bounding_box()
    assert box is not None
    canvas.hover(position={"x": box["width"] - 20, "y": 5})
    tip = page.locator(".tip").first
    expect(tip).to_contain_text(stage.suspect)
    expect(tip).to_contain_text("UTC")
    expect(tip.locator(".v")).to_contain_text("ms")
    canvas.click(position={"x": box["width"] - 20, "y": 5})
    chosen = page.locator(".st-key-picked")
    expect(chosen).to_contain_text(stage.suspect)
    settle(page)
    query = parse_qs(urlsplit(page.url).query)
    assert query["host"] == [stage.suspect]
    chosen.get_by_role("link", name="Explain").click()
    expect(page.locator(".rs-title")).to_have_text("Root cause")
    settle(page)
    assert parse_qs(urlsplit(page.url).query)["to"] == query["cell_to"]


def test_a_changed_filter_stands_in_the_url_and_a_new_page_shows_the_same(stage: Stage, page: Page) -> None:
    open_view(page, stage)
    before = tiles(page)
    page.get_by_role("combobox", name="Region").click()
    page.get_by_role("option", name="eu-west").click()
    expect(page).to_have_url(re.compile("region=eu-west"))
    page.get_by_role("radio", name="Error rate").or_(
        page.get_by_role("button", name="Error rate")
    ).first.click()
    expect(page).to_have_url(re.compile("metric=errors"))
    settle(page)
    shown = tiles(page)
    assert shown["Hosts"] != before["Hosts"]
    other = page.context.new_page()
    other.goto(page.url)
    settle(other)
    assert tiles(other) == shown
    expect(other.get_by_role("combobox", name="Region")).to_have_value("eu-west")
    expect(other.locator("div.legend").first).to_contain_text("error rate")


def test_a_link_to_another_page_carries_the_range_on(stage: Stage, page: Page) -> None:
    open_view(page, stage)
    query = parse_qs(urlsplit(page.url).query)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Traces").click()
    expect(page.locator(".rs-title")).to_have_text("Traces")
    settle(page)
    after = parse_qs(urlsplit(page.url).query)
    assert (after["from"], after["to"]) == (query["from"], query["to"])
    assert urlsplit(page.url).path == "/traces"


def test_a_range_without_data_is_told_in_words(stage: Stage, page: Page) -> None:
    day = 86_400 * NS_PER_S
    open_view(page, stage, from_ns=stage.from_ns - 20 * day, to_ns=stage.to_ns - 20 * day)
    expect(page.get_by_text("Nothing in this range")).to_be_visible()


def test_a_link_with_a_range_that_makes_no_sense_says_so_and_shows_the_default(
    stage: Stage, page: Page
) -> None:
    page.goto(f"{stage.dashboard.url}fleet?from=yesterday&to=2026-01-01T00:00:00Z")
    settle(page)
    expect(page.get_by_text("Showing the last 30m instead")).to_be_visible()


def test_a_browser_connects_without_a_miss_and_fetches_no_script_of_an_element_late(
    stage: Stage, page: Page
) -> None:
    answers: list[tuple[str, int]] = []
    page.on("response", lambda one: answers.append((urlsplit(one.url).path, one.status)))
    open_view(page, stage)
    tiles(page)
    assert [path for path, status in answers if status >= 400] == []
    first = next(number for number, (path, _) in enumerate(answers) if path.endswith("/_stcore/health"))
    late = [path for path, _ in answers[first:] if re.search(r"/(Html|Selectbox|BidiComponent)\.", path)]
    assert late == []


def test_the_store_is_asked_as_soon_as_a_browser_asks_for_the_page(stage: Stage) -> None:
    def asked() -> int:
        return int(stage.store.query("SELECT value FROM system.events WHERE event = 'SelectQuery'"))

    before = asked()
    # A range of its own, so that no other test's answers are there; no script runs without a connection.
    with urllib.request.urlopen(address(stage, from_ns=stage.from_ns + 120 * NS_PER_S), timeout=60) as answer:
        assert b"window.__streamlit" in answer.read()
    looks = 0

    def has_asked() -> bool:
        nonlocal looks
        looks += 1
        return asked() - before - looks >= 6

    wait_until(has_asked, timeout_s=60, what="places, gauges, entry operations, totals twice and the series")

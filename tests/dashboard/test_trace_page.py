"""The trace page: pick a trace, read its waterfall; what is drawn is what the store holds."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from looking import address, open_view, settle
from playwright.sync_api import Page, expect
from stage import BATCH_TRACE, HUGE_SPANS, HUGE_TRACE, REQUEST_TRACES, Stage

from rootspan_analysis.views.trace_tree import TraceTree
from rootspan_analysis.views.traces import fetch_trace_bounds, fetch_trace_tree
from rootspan_dashboard.words.formats import format_ms, format_value
from rootspan_store.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def tree_of(stage: Stage, trace_id: str) -> TraceTree:
    client = connect(stage.store.url)
    bounds = fetch_trace_bounds(client, trace_id)
    assert bounds is not None
    tree = fetch_trace_tree(client, trace_id, bounds)
    assert tree is not None
    return tree


def test_spans_critical_path_details_and_logs_are_those_of_the_store(stage: Stage, page: Page) -> None:
    trace_id = stage.store.query(
        f"""SELECT TraceId FROM otel_logs WHERE TraceId != '' AND ServiceName = 'ranker'
            AND HostName = '{stage.suspect}' ORDER BY Timestamp DESC LIMIT 1"""
    )
    tree = tree_of(stage, trace_id)
    open_view(page, stage, "trace", trace=trace_id)
    rows = page.locator(".row")
    expect(rows).to_have_count(len(tree.spans))
    assert page.locator(".row .op").all_inner_texts() == [span.operation for span in tree.spans]
    assert page.locator(".row .dur").all_inner_texts() == [format_ms(s.duration_ns / 1e6) for s in tree.spans]
    critical = rows.evaluate_all("rows => rows.map(row => row.dataset.critical === '1')")
    assert critical == [bool(span.critical) for span in tree.spans]
    # Bars lie on the axis where their spans lie in time.
    box = page.locator(".row .time").first.bounding_box()
    bars = [one.bounding_box() for one in page.locator(".row .bar").all()]
    assert box is not None
    for span, bar in zip(tree.spans, bars, strict=True):
        assert bar is not None
        share = (span.start_ns - tree.start_ns) / (tree.end_ns - tree.start_ns)
        assert (bar["x"] - box["x"]) / box["width"] == pytest.approx(share, abs=0.01)
    count = stage.store.number(f"SELECT count() FROM otel_logs WHERE TraceId = '{trace_id}'")
    expect(page.locator(".lane .mark")).to_have_count(count)
    body = stage.store.query(
        f"SELECT Body FROM otel_logs WHERE TraceId = '{trace_id}' ORDER BY Timestamp DESC LIMIT 1"
    )
    page.locator(".lane .mark").last.hover()
    expect(page.locator(".tip").first).to_contain_text(body)
    # The suspect's gauges lie on the same axis; their figure is the point in the trace, or the nearest to it.
    lane = page.locator(".gauge").filter(has_text=stage.suspect).filter(has_text="GPU clock")
    clock = stage.store.query(
        f"""SELECT Value FROM otel_metrics_gauge
            WHERE MetricName = 'hw.gpu.clock' AND HostName = '{stage.suspect}'
            ORDER BY abs(toUnixTimestamp64Nano(TimeUnix) - {(tree.start_ns + tree.end_ns) // 2}) LIMIT 1"""
    )
    expect(lane.locator(".dur")).to_have_text(format_value(float(clock), "MHz"))
    # A chosen span stands in the URL, and beside the waterfall with its attributes.
    wanted = next(span for span in tree.spans if span.operation == "model.forward")
    page.locator(f'.row[data-span="{wanted.span_id}"] .op').click()
    expect(page).to_have_url(re.compile(f"span={wanted.span_id}"))
    details = page.locator(".rs-span")
    expect(details.locator("h3")).to_have_text("model.forward")
    expect(details).to_contain_text("gen_ai.request.model")
    expect(details).to_contain_text(format_ms(wanted.self_ns / 1e6))
    other = page.context.new_page()
    other.goto(page.url)
    settle(other)
    expect(other.locator(".rs-span h3")).to_have_text("model.forward")


def test_in_a_narrow_window_the_chosen_span_goes_below_the_waterfall(stage: Stage, page: Page) -> None:
    boxes = {}
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        open_view(page, stage, "trace", trace=REQUEST_TRACES[0])
        boxes[width] = [page.locator(one).first.bounding_box() for one in (".row", ".rs-span")]
    (wide, beside), (narrow, below) = boxes[1440], boxes[1024]
    assert all((wide, beside, narrow, below))
    assert beside["x"] > wide["x"] + wide["width"]
    assert below["y"] > narrow["y"] + narrow["height"]
    assert abs(below["x"] - narrow["x"]) < 20
    assert narrow["width"] > 700


def test_a_pasted_traceparent_opens_its_trace_and_nonsense_is_told(stage: Stage, page: Page) -> None:
    trace_id = stage.store.query("SELECT TraceId FROM otel_traces WHERE ServiceName = 'ranker' LIMIT 1")
    open_view(page, stage, "traces")
    field = page.get_by_role("textbox", name="Trace id")
    field.fill(f"00-{trace_id.upper()}-0123456789abcdef-01")
    field.press("Enter")
    expect(page.locator(".row").first).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["trace"][0].lower().find(trace_id) > 0
    for asked, words in (("not-a-trace", "That is not a trace id"), ("f" * 32, "No such trace")):
        page.goto(address(stage, "trace", trace=asked))
        expect(page.get_by_text(words)).to_be_visible()


def test_a_trace_of_ten_thousand_spans_is_drawn_in_part_and_says_what_was_left_out(
    stage: Stage, page: Page
) -> None:
    open_view(page, stage, "trace", trace=HUGE_TRACE)
    expect(page.get_by_text(f"2,000 of {HUGE_SPANS:,} spans are drawn")).to_be_visible()
    assert 10 < page.locator(".row").count() < 100
    expect(page.locator(".row").first).to_contain_text("whole")
    # The failed one is the last of all: it must be among those drawn.
    page.locator(".scroll").last.evaluate("node => node.scrollTo(0, node.scrollHeight)")
    expect(page.locator(".row .fail")).to_have_count(1)


def test_all_rows_of_a_large_trace_come_window_by_window_as_one_scrolls_and_folds(
    stage: Stage, page: Page
) -> None:
    open_view(page, stage, "trace", trace=HUGE_TRACE, rows="all")
    names = page.locator(".row .op")
    expect(names.first).to_have_text("whole")
    scroll = page.locator(".scroll").last
    assert scroll.evaluate("node => node.scrollHeight") == pytest.approx(HUGE_SPANS * 24, rel=0.01)
    scroll.evaluate("node => node.scrollTo(0, node.scrollHeight)")
    expect(page.locator(".row .fail")).to_have_count(1)  # the last call of all failed
    expect(names.last).to_have_text("call 99")
    scroll.evaluate("node => node.scrollTo(0, 0)")
    expect(names.nth(1)).to_have_text("batch 0")
    page.locator(".row").nth(1).locator(".twist").click()
    expect(names.nth(2)).to_have_text("batch 1")
    assert scroll.evaluate("node => node.scrollHeight") == pytest.approx((HUGE_SPANS - 100) * 24, rel=0.001)


def test_links_lead_from_a_batch_to_its_requests_and_back(stage: Stage, page: Page) -> None:
    open_view(page, stage, "trace", trace=BATCH_TRACE)
    page.get_by_role("button", name="Open link 2").click()
    expect(page.locator(".row .op")).to_have_text(["request 1"])
    expect(page).to_have_url(re.compile(f"trace={REQUEST_TRACES[1]}"))
    expect(page.locator(".rs-span").filter(has_text="Referred to by (1)")).to_be_visible()
    page.get_by_role("button", name="Open 1").click()
    expect(page.locator(".row .op")).to_have_text(["batch"])

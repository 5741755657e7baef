"""Names full of HTML, Markdown, SQL and control characters are shown as they are, and do nothing."""

from __future__ import annotations

import re

import pytest
from looking import CHART, open_view, tiles
from playwright.sync_api import Page, expect
from stage import HOSTILE, HOSTILE_TRACE, NS_PER_S, Stage

from rootspan_analysis.views.trace_filter import Condition

pytestmark = [pytest.mark.browser, pytest.mark.process]


def window(stage: Stage) -> dict[str, int]:
    minute = 60 * NS_PER_S
    begin = stage.hostile_ns // minute * minute
    return {"from_ns": begin - minute, "to_ns": begin + 2 * minute}


def nothing_ran(page: Page) -> None:
    assert page.evaluate("() => window.__pwned") is None
    assert page.locator("main img[src='x'], main strong, main .katex").count() == 0


def test_fleet_page(stage: Stage, page: Page) -> None:
    open_view(page, stage, **window(stage))
    assert tiles(page)["Hosts"] == "1"
    expect(page.locator(".labels div span").first).to_have_text(HOSTILE["host"])
    expect(page.locator(".group").first).to_contain_text(f"{HOSTILE['region']} / {HOSTILE['markdown']}")
    expect(page.locator(f"{CHART} .name")).to_have_text(HOSTILE["region"])
    note = page.get_by_text("where traces begin")
    expect(note).to_contain_text(HOSTILE["operation"])
    nothing_ran(page)
    open_view(page, stage, **window(stage), service=HOSTILE["service"], region=HOSTILE["region"])
    assert tiles(page)["Hosts"] == "1"
    expect(page.get_by_role("combobox", name="Service")).to_have_value(HOSTILE["service"])
    nothing_ran(page)


def test_trace_page(stage: Stage, page: Page) -> None:
    open_view(page, stage, "trace", **window(stage), trace=HOSTILE_TRACE)
    assert page.locator(".row .op").all_inner_texts() == [
        HOSTILE["operation"],
        HOSTILE["markdown"],
        "abc\\u202egpj.exe\\x07",
    ]
    details = page.locator(".rs-span")
    for text in (HOSTILE["operation"], HOSTILE["markdown"], HOSTILE["host"], HOSTILE["region"]):
        expect(details).to_contain_text(text)
    page.locator(".lane .mark").first.hover()
    expect(page.locator(".tip")).to_contain_text(HOSTILE["operation"])
    nothing_ran(page)


def test_lists_and_links(stage: Stage, page: Page) -> None:
    where = Condition(HOSTILE["operation"], "=", HOSTILE["host"])
    open_view(
        page,
        stage,
        "traces",
        **window(stage),
        service=HOSTILE["service"],
        host=HOSTILE["host"],
        where=where.write(),
    )
    expect(page.get_by_text("1 traces by the span that matches")).to_be_visible()
    expect(page.locator(".st-key-trace-chips")).to_contain_text(HOSTILE["host"])
    expect(page.locator(".rs-chip").last).to_have_text(f"{where.key} = {where.value}")
    nothing_ran(page)
    open_view(page, stage, "trace", **window(stage), trace=HOSTILE["operation"])
    expect(page.get_by_text("That is not a trace id")).to_be_visible()
    expect(page.locator(".rs-state")).to_contain_text(HOSTILE["operation"])
    nothing_ran(page)
    assert stage.store.number("SELECT count() FROM otel_traces") > 100_000


def test_pages_of_hosts_services_logs_and_reports(stage: Stage, page: Page) -> None:
    open_view(page, stage, "host", **window(stage), host=HOSTILE["host"])
    expect(page.locator(".rs-subject")).to_have_text(HOSTILE["host"])
    expect(page.locator(".rs-facts").first).to_contain_text(HOSTILE["service"])
    nothing_ran(page)
    open_view(page, stage, "services", **window(stage), service=HOSTILE["service"])
    expect(page.locator(".node")).to_have_attribute("aria-label", re.compile(re.escape(HOSTILE["service"])))
    expect(page.locator(".st-key-picked")).to_contain_text(HOSTILE["service"])
    nothing_ran(page)
    open_view(page, stage, "logs", **window(stage), template=HOSTILE["operation"], text=HOSTILE["host"])
    expect(page.locator(".rs-chip")).to_have_text(f"template = {HOSTILE['operation']}")
    nothing_ran(page)
    open_view(page, stage, "root-cause", **window(stage), service=HOSTILE["service"])
    nothing_ran(page)

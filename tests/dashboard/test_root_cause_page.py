"""The root cause page names what was planted, shows why, and leads to traces.

Healthy windows are told plainly.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from looking import CHART, address, open_view, settle
from playwright.sync_api import Page, expect
from stage import NS_PER_S, Stage

from rootspan_analysis import Question, explain
from rootspan_analysis.question import SHORTEST_S
from rootspan_dashboard.cause.words import verdict_words
from rootspan_dashboard.frame.url_state import parse_moment, write_moment
from rootspan_dashboard.words.formats import format_range
from rootspan_store.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def test_the_planted_host_is_named_with_evidence_sql_that_runs_and_traces_to_open(
    stage: Stage, page: Page
) -> None:
    page.goto(address(stage, "root-cause"))
    # The engine may answer before a browser has looked for its progress bar.
    expect(page.get_by_test_id("stProgress").or_(page.locator(".rs-verdict h2")).first).to_be_visible()
    settle(page)
    expect(page.locator(".rs-verdict h2")).to_have_text(f"Host {stage.suspect} of ranker is slow")
    card = page.locator('[class*="st-key-cause-1"]').first
    expect(card).to_contain_text(stage.suspect)
    expect(card).to_contain_text("Onset")
    # Every sentence of evidence from spans and gauges has its chart, with suspect and peers in the legend.
    sentences = card.locator(".rs-evidence.charted").count()
    charts = card.locator(CHART)
    assert sentences >= 1
    assert charts.count() >= 1
    expect(charts.first).to_contain_text(stage.suspect)
    expect(charts.first).to_contain_text("peers")
    expect(charts.first).to_contain_text("onset")
    card.get_by_test_id("stExpander").first.locator("summary").click()
    code = card.get_by_test_id("stCode").first
    expect(code).to_contain_text("SELECT")
    assert stage.store.query(code.locator("code").inner_text())
    link = card.get_by_role("link", name="Open").first
    link.click()
    expect(page.locator(".rs-title")).to_have_text("Trace")
    settle(page)
    expect(page.locator(".row .svc").filter(has_text=stage.suspect).first).to_be_visible()


def test_a_healthy_window_gets_the_engines_verdict_in_words_and_no_cause(stage: Stage, page: Page) -> None:
    to_ns = stage.fault_from_ns - 30 * NS_PER_S
    from_ns = max(stage.from_ns, to_ns - 120 * NS_PER_S)
    answer = explain(connect(stage.store.url), Question(from_ns, to_ns))
    assert not answer.causes
    open_view(page, stage, "root-cause", from_ns=from_ns, to_ns=to_ns)
    expect(page.locator(".rs-verdict h2")).to_have_text(verdict_words(answer)[1])
    assert page.locator(".rs-card").count() == 0
    expect(page.get_by_role("link", name="See the fleet in this window")).to_be_visible()


def test_a_drag_in_the_latencies_asks_about_that_window(stage: Stage, page: Page) -> None:
    open_view(page, stage, "root-cause", from_ns=stage.fault_from_ns, to_ns=stage.to_ns)
    box = page.locator(".plot canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 60, steps=3)
    page.mouse.up()
    asked = re.compile(r"from=(?!" + re.escape(quote(write_moment(stage.fault_from_ns), safe="")) + ")")
    expect(page).to_have_url(asked)
    settle(page)
    query = {name: parse_moment(value[0]) for name, value in parse_qs(urlsplit(page.url).query).items()}
    assert (query["from"] or 0) % (60 * NS_PER_S) == 0
    begin, end = query["from"], query["to"]
    assert begin is not None
    assert end is not None
    assert format_range(begin, end) in page.locator(".rs-facts").first.inner_text()


def test_the_report_is_one_file_that_shows_what_the_page_shows(
    stage: Stage, page: Page, tmp_path: Path
) -> None:
    open_view(page, stage, "root-cause")
    charts = page.locator(CHART).count()
    verdict = page.locator(".rs-verdict h2").inner_text()
    traces = [parse_qs(urlsplit(one.get_attribute("href") or "").query)["trace"][0]
              for one in page.get_by_role("link", name="Open", exact=False).all()]  # fmt: skip
    page.get_by_role("button", name="Share").click()
    link = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").inner_text().strip()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Report as HTML").click()
    file = tmp_path / "report.html"
    waiting.value.save_as(file)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Report as Markdown").click()
    text = waiting.value.path().read_text()
    assert text.startswith(f"# {verdict.replace('-', chr(92) + '-')}")
    assert all(f"`{trace}`" in text for trace in traces)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Markdown with pictures").click()
    with zipfile.ZipFile(waiting.value.path()) as bundle:
        text = bundle.read("report.md").decode()
        pictures = set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", text))
        assert len(pictures) == charts
        assert pictures == set(bundle.namelist()) - {"report.md"}
        assert all("<polyline" in bundle.read(name).decode() for name in pictures)
    other = page.context.new_page()
    asked: list[str] = []
    other.on("request", lambda request: asked.append(request.url))
    other.goto(file.as_uri())
    expect(other.locator("h1")).to_have_text(verdict)
    expect(other.locator("svg")).to_have_count(charts)
    expect(other.locator("polyline").first).to_be_visible()
    assert set(traces) <= set(other.locator("code").all_inner_texts())
    assert asked == [file.as_uri()]
    other.goto(link)
    settle(other)
    expect(other.locator(".rs-verdict h2")).to_have_text(verdict)


def test_a_window_that_the_engine_does_not_take_is_refused_in_words(stage: Stage, page: Page) -> None:
    open_view(
        page, stage, "root-cause", from_ns=stage.to_ns - int(SHORTEST_S * NS_PER_S / 2), to_ns=stage.to_ns
    )
    expect(page.get_by_text("This window cannot be asked about")).to_be_visible()

"""The root cause page names what was planted, shows why, and leads to traces.

Healthy windows are told plainly.
"""

from __future__ import annotations

import pytest
from looking import address, open_view, settle
from playwright.sync_api import Page, expect
from stage import NS_PER_S, Stage

from rootspan_analysis import Question, explain
from rootspan_analysis.question import SHORTEST_S
from rootspan_dashboard.cause_words import verdict_words
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
    charts = card.get_by_test_id("stPlotlyChart")
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


def test_a_window_that_the_engine_does_not_take_is_refused_in_words(stage: Stage, page: Page) -> None:
    open_view(
        page, stage, "root-cause", from_ns=stage.to_ns - int(SHORTEST_S * NS_PER_S / 2), to_ns=stage.to_ns
    )
    expect(page.get_by_text("This window cannot be asked about")).to_be_visible()

"""What is said when there is nothing to show: empty store, store away, query refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from looking import settle
from playwright.sync_api import Page, expect
from stage import DashboardProcess, Stage
from streamlit.testing.v1 import AppTest

from rootspan_store.client import connect
from rootspan_store.schema import migrate
from support.processes import StoreProcess

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[tuple[StoreProcess, DashboardProcess]]:
    store = StoreProcess(tmp_path)
    dashboard = DashboardProcess(tmp_path, store.url)
    with store.running(), dashboard.running():
        yield store, dashboard


@pytest.fixture
def _main_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its script as `__main__`, which processes that other tests spawn would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def test_no_tables_then_no_telemetry_then_no_store_then_the_store_again(
    bare: tuple[StoreProcess, DashboardProcess], page: Page
) -> None:
    store, dashboard = bare
    page.goto(dashboard.url)
    expect(page.get_by_text("The store has no tables yet")).to_be_visible()
    expect(page.locator(".rs-state")).to_contain_text("rootspan migrate")
    settle(page)
    migrate(connect(store.url))
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("No telemetry yet")).to_be_visible()
    expect(page.locator(".rs-state")).to_contain_text("rootspan demo --fault slow-gpu")
    settle(page)
    store.kill()
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("The store does not answer")).to_be_visible()
    expect(page.locator(".rs-state")).to_contain_text("rootspan store")
    expect(page.get_by_test_id("stSidebar")).to_contain_text("does not answer")
    assert page.get_by_text("Traceback").count() == 0
    settle(page)
    store.start()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("No telemetry yet")).to_be_visible()


def test_a_refused_query_is_told_with_the_next_step_and_no_password(page: Page, tmp_path: Path) -> None:
    users = {"ROOTSPAN_STORE_USER": "someone", "ROOTSPAN_STORE_PASSWORD": "right"}
    store = StoreProcess(tmp_path, users)
    url = store.url.replace("http://", "http://someone:wr0ng@")
    dashboard = DashboardProcess(tmp_path, url)
    with store.running(), dashboard.running():
        page.goto(dashboard.url)
        expect(page.get_by_text("The store refused the query")).to_be_visible()
        expect(page.locator(".rs-state")).to_contain_text("Check user and password")
        settle(page)
        page.get_by_test_id("stExpander").locator("summary").click()
        expect(page.get_by_test_id("stCode")).to_be_visible()
        assert "wr0ng" not in page.content()
        assert page.get_by_text("Traceback").count() == 0


def _away_twice() -> None:
    from rootspan_dashboard.frame.states import told_in_words
    from rootspan_store.errors import StoreUnreachable

    for _ in range(2):
        with told_in_words():
            raise StoreUnreachable("away")


def _engine_refused() -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    from rootspan_analysis.errors import StoreError
    from rootspan_dashboard.frame.states import told_in_words

    refused = DatabaseError("memory limit exceeded")
    refused.code = 241
    with told_in_words():
        raise StoreError("the store could not answer jobs.sql", statement="jobs") from refused


@pytest.mark.usefixtures("_main_put_back")
def test_two_parts_that_the_store_does_not_answer_are_told_once_with_one_button() -> None:
    app = AppTest.from_function(_away_twice).run(timeout=60)
    assert not app.exception
    assert [one.label for one in app.button] == ["Retry"]


@pytest.mark.usefixtures("_main_put_back")
def test_what_the_store_refuses_to_the_engine_is_told_with_the_next_step() -> None:
    app = AppTest.from_function(_engine_refused).run(timeout=60)
    assert not app.exception
    said = " ".join(str(one.proto) for one in app.get("html"))
    assert "The store refused the query" in said
    assert "Choose a shorter range" in said


def test_nothing_of_streamlits_own_is_offered(stage: Stage, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(stage.dashboard.url)
    settle(page)
    assert page.get_by_text("Deploy", exact=True).count() == 0
    assert [url for url in asked if not url.startswith((stage.dashboard.url, "data:", "blob:"))] == []


def test_a_bar_runs_while_the_page_waits_for_the_store_and_only_then(stage: Stage, page: Page) -> None:
    page.goto(stage.dashboard.url + "services")
    seen = "() => getComputedStyle(document.querySelector('[data-testid=stApp]'), '::after').animationName"
    page.wait_for_selector(".rs-brand")
    page.evaluate(
        """seen => { const app = document.querySelector('[data-testid=stApp]'); window.__bars = [];
        new MutationObserver(() => window.__bars.push([app.dataset.testScriptState, eval(seen)()]))
            .observe(app, { attributes: true, attributeFilter: ['data-test-script-state'] }); }""",
        seen,
    )
    settle(page)
    page.get_by_role("button", name="Ask the store again").or_(
        page.locator(".st-key-reload button")
    ).first.click()
    page.wait_for_function(
        """() => { const states = window.__bars.map(([state]) => state);
        return states.includes('running') && states.at(-1) === 'notRunning'; }"""
    )
    bars = page.evaluate("() => window.__bars")
    assert {(state == "running", name == "rs-loading") for state, name in bars} == {
        (True, True),
        (False, False),
    }

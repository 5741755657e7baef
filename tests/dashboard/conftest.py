"""The stage, set once, and a browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from stage import DashboardProcess, Stage, fill

from rootspan_dashboard.screenshots import CHROMIUM, FLAGS
from support.processes import CollectorProcess, StoreProcess

PATIENCE_MS = 30_000
"""A machine that builds something else meanwhile is slow."""


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Store and dashboard running, telemetry stored; the collector has done its work and is gone."""
    folder = tmp_path_factory.mktemp("stage")
    store = StoreProcess(folder)
    with store.running():
        collector = CollectorProcess(folder, store.url)
        dashboard = DashboardProcess(folder, store.url)
        with dashboard.running():
            with collector.running():
                suspect, begin, end, onset, hostile = fill(collector, store)
                collector.stop()
            yield Stage(store, dashboard, suspect, begin, end, onset, hostile)


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    """Debian's Chromium, with one cache for a module: the app's scripts are read once.

    Not for the session: Playwright keeps an event loop running in this thread until it is stopped, and the
    asyncio tests of other folders need their own.
    """
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        context = started.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="light")
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield context
        started.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page for each test, hence a session of its own on the server."""
    page = context.new_page()
    yield page
    for one in context.pages:
        one.close()

"""Every page, light and dark, passes axe's WCAG 2.1 A and AA rules, and is reached and used by keyboard."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from looking import open_view, settle
from playwright.sync_api import BrowserContext, Page, expect
from stage import NS_PER_S, STEPS, Stage

pytestmark = [pytest.mark.browser, pytest.mark.process]

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What another scheme can break: all else of the page stays as it was."""
IS_DARK = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'"
PAGES = ("incidents", "fleet", "services", "traces", "trace", "host", "logs", "metrics", "root-cause", "cost")


def views(stage: Stage) -> list[tuple[str, dict[str, object]]]:
    slow, *_, usual = stage.store.query(
        f"""SELECT TraceId FROM otel_traces WHERE HostName = '{stage.suspect}'
        ORDER BY Duration DESC LIMIT 1 BY TraceId LIMIT 50"""
    ).split("\n")
    begin = stage.job_from_ns
    job = {"from_ns": begin - NS_PER_S, "to_ns": begin + (STEPS + 5) * NS_PER_S}
    of_one = {"trace": {"trace": slow}, "host": {"host": stage.suspect}}
    return [
        *((path, of_one.get(path, {})) for path in PAGES),
        ("training", job),
        ("trace", {"trace": slow, "with": usual}),
        ("traces", {"view": "flame", "service": "gateway"}),
    ]


def violations(page: Page, rules: dict[str, object]) -> list[str]:
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{one['id']}: {node['target']} {node['html'][:120]}" for one in found for node in one["nodes"]]


def test_no_page_violates_wcag_in_light_or_dark(stage: Stage, context: BrowserContext, page: Page) -> None:
    bad: dict[str, list[str]] = {}
    for path, query in views(stage):
        name = " ".join([path, *query])
        page.emulate_media(color_scheme="light")
        open_view(page, stage, path, **query)
        bad[f"{name} light"] = violations(page, RULES)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(IS_DARK)
        settle(page)
        bad[f"{name} dark"] = violations(page, COLOURS)
    assert {name: found for name, found in bad.items() if found} == {}


def test_the_sidebar_is_walked_and_a_page_opened_by_keyboard_alone(stage: Stage, page: Page) -> None:
    open_view(page, stage, "fleet")
    names = []
    page.get_by_test_id("stSidebar").get_by_role("link").first.focus()
    for _ in range(9):
        names.append(page.evaluate("() => document.activeElement.innerText.trim().split('\\n').pop()"))
        page.keyboard.press("Tab")
    wanted = ["Incidents", "Fleet", "Services", "Traces", "Logs", "Metrics", "Root cause", "Training", "Cost"]
    assert [one for one in names if one in wanted] == wanted
    page.get_by_test_id("stSidebar").get_by_role("link", name="Logs").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rs-title")).to_have_text("Logs")


def test_a_box_in_the_latencies_is_chosen_by_keyboard(stage: Stage, page: Page) -> None:
    open_view(page, stage, "traces")
    page.locator(".frame").first.focus()
    for key in ("ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator(".tip")).to_contain_text("UTC")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-picked")).to_be_visible()

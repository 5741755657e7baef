"""Home shows what the watcher recorded, leads on in one click, and never claims health unwatched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from looking import CHART, open_view, settle
from playwright.sync_api import Page, expect
from stage import HOSTILE, NS_PER_S, Stage

from rootspan_analysis import Question, explain
from rootspan_analysis.watch import BlastRadius, Breach, Incident, IncidentImpact
from rootspan_analysis.watch.lease import Lease
from rootspan_analysis.watch.records import write_incident
from rootspan_dashboard.frame.url_state import parse_moment
from rootspan_dashboard.words.formats import format_count
from rootspan_store.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def recorded(stage: Stage) -> Incident:
    answer = explain(connect(stage.store.url), Question(stage.from_ns, stage.to_ns)).to_json()
    breach = Breach(
        "latency_p99", "gateway", "POST /recommend", "", 93.4, 47.4, "ms", stage.fault_from_ns, False,
        "99th percentile of latency of gateway POST /recommend is 93.4 ms, usually 47.4 ms",
    )  # fmt: skip
    return Incident(
        id="open-1",
        state="open",
        severity="major",
        title=f"slow: ranker {stage.suspect}",
        onset_ns=stage.fault_from_ns,
        opened_ns=stage.fault_from_ns + 30 * NS_PER_S,
        updated_ns=stage.to_ns,
        closed_ns=None,
        lead=breach,
        breaches=(breach,),
        verdict="cause_found",
        causes=tuple(answer["causes"]),  # type: ignore[arg-type]
        impact=IncidentImpact(requests=100_000, bad_requests=1_234, errors=7, excess_s=65.0),
        blast=BlastRadius(("gateway", "ranker"), 3, ("eu-west",)),
        explanation=answer,
        engine_version="test",
    )


@pytest.fixture(scope="module")
def incidents(stage: Stage) -> Iterator[Incident]:
    """One open incident, one that is over, full of hostile text; afterwards none is open."""
    client = connect(stage.store.url)
    one = recorded(stage)
    past = replace(
        one, id="past-1", state="closed", severity="minor", title=HOSTILE["operation"], causes=(),
        onset_ns=stage.from_ns - 1800 * NS_PER_S, closed_ns=stage.from_ns - 1200 * NS_PER_S,
        verdict="no_fault",
        lead=replace(one.lead, text=HOSTILE["markdown"], service=HOSTILE["service"]),
        breaches=(replace(one.lead, text=HOSTILE["markdown"], service=HOSTILE["service"]),),
    )  # fmt: skip
    for each in (one, past):
        write_incident(client, each)
    yield one
    write_incident(client, replace(one, state="closed", closed_ns=stage.to_ns, updated_ns=stage.to_ns + 1))


def test_an_open_incident_stands_first_with_cause_reach_and_cost_and_leads_to_its_explanation(
    stage: Stage, page: Page, incidents: Incident
) -> None:
    page.goto(stage.dashboard.url)  # the bare address is home
    settle(page)
    expect(page.locator(".rs-title")).to_have_text("Incidents")
    assert urlsplit(page.url).path == "/incidents"
    expect(page.locator(".rs-verdict h2")).to_have_text("1 incident is open")
    card = page.locator('[class*="st-key-incident-open-1"]')
    expect(card.locator("h3")).to_contain_text(f"Host {stage.suspect} of ranker is slow")
    expect(card).to_contain_text(incidents.lead.text)
    expect(card.locator(".rs-causes li").first).to_contain_text(stage.suspect)
    for words in (format_count(incidents.impact.bad_requests), "gateway, ranker", "eu-west", "major"):
        expect(card).to_contain_text(words)
    expect(page.locator(".rs-timeline i")).to_have_count(2)
    card.get_by_role("link", name="Explain").click()
    expect(page.locator(".rs-title")).to_have_text("Root cause")
    settle(page)
    begin = parse_moment(parse_qs(urlsplit(page.url).query)["from"][0])
    assert begin is not None
    assert begin < incidents.onset_ns
    expect(page.locator(".rs-verdict h2")).to_contain_text(stage.suspect)


def test_the_on_call_story_from_the_incident_to_the_log_of_a_slow_request(
    stage: Stage, page: Page, incidents: Incident
) -> None:
    page.goto(stage.dashboard.url)
    page.get_by_role("link", name="Explain").first.click()
    expect(page.locator(".rs-title")).to_have_text("Root cause")
    expect(page.locator(".rs-verdict h2")).to_have_text(f"Host {stage.suspect} of ranker is slow")
    settle(page)
    card = page.locator('[class*="st-key-cause-1"]').first
    expect(card.locator(f"{CHART} .name").first).to_have_text(stage.suspect)
    links = card.get_by_role("link", name="Open")
    for number in range(links.count()):
        (trace,) = parse_qs(urlsplit(links.nth(number).get_attribute("href") or "").query)["trace"]
        body = stage.store.query(
            f"SELECT Body FROM otel_logs WHERE TraceId = '{trace}' AND HostName = '{stage.suspect}' LIMIT 1"
        )
        if body:
            break
    else:
        pytest.fail("none of the slow traces wrote a log record on the suspect")
    links.nth(number).click()
    expect(page.locator(".rs-title")).to_have_text("Trace")
    settle(page)
    expect(page.locator(".row .svc").filter(has_text=stage.suspect).first).to_be_visible()
    told = []
    for mark in page.locator(".lane .mark").all():
        mark.dispatch_event("pointerenter")  # marks of one moment lie on each other
        told.append(page.locator(".tip").first.inner_text())
    assert any(body in one for one in told)


def test_a_past_incident_opens_by_its_link_and_its_text_does_nothing(
    stage: Stage, page: Page, incidents: Incident
) -> None:
    page.goto(f"{stage.dashboard.url}incidents?incident=past-1")
    settle(page)
    card = page.locator('[class*="st-key-incident-past-1"]')
    expect(card.locator("h3")).to_contain_text(HOSTILE["operation"])
    expect(card).to_contain_text(HOSTILE["markdown"])
    assert page.evaluate("() => window.__pwned") is None
    assert page.locator("main strong, main .katex").count() == 0


def test_without_an_open_incident_only_a_watched_fleet_is_called_healthy(stage: Stage, page: Page) -> None:
    client = connect(stage.store.url)
    before = {"from_ns": stage.from_ns - 9000 * NS_PER_S, "to_ns": stage.from_ns - 8000 * NS_PER_S}
    open_view(page, stage, "incidents", **before)
    expect(page.locator(".rs-verdict h2")).to_have_text("No incident is open, and nobody watches")
    lease = Lease(client, "test-watcher")
    assert lease.renew(time.time_ns())
    try:
        page.get_by_role("button", name="Ask the store again").or_(
            page.locator(".st-key-reload button")
        ).first.click()
        expect(page.locator(".rs-verdict h2")).to_have_text("The fleet is healthy")
        expect(page.locator(".rs-verdict")).to_contain_text("All accepted items are stored")
        expect(page.get_by_text("None in this range")).to_be_visible()
    finally:
        lease.release(time.time_ns())

"""Training and cost show what the store holds: who is slow, who comes last, and what GPU time is worth."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from looking import CHART, open_view, settle, tiles
from playwright.sync_api import Page, expect
from stage import FORWARD_NS, JOB, NS_PER_S, RANKS, SLOW_RANK, SLOWER_NS, STEP_NS, STEPS, Stage

from rootspan_analysis.cost import CostQuestion, price_jobs
from rootspan_analysis.training.hang import Hang, Pending
from rootspan_analysis.training.placement import Place
from rootspan_analysis.training.step_parts import fetch_lost, fetch_shares
from rootspan_analysis.training.views import fetch_heat, fetch_jobs, fetch_stragglers
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.training_extras import fetch_arrivals
from rootspan_dashboard.components.rank_heat import rank_heat_data
from rootspan_dashboard.cost.jobs import jobs_cost_frame
from rootspan_dashboard.training.words import hang_words, pending_frame
from rootspan_dashboard.words.formats import format_ms, format_number, format_ratio
from rootspan_store.client import connect

pytestmark = [pytest.mark.browser, pytest.mark.process]


def window(stage: Stage) -> dict[str, int]:
    begin = stage.job_from_ns // NS_PER_S * NS_PER_S
    return {"from_ns": begin - 10 * NS_PER_S, "to_ns": begin + (STEPS + 10) * NS_PER_S}


def test_a_jobs_figures_and_its_slow_rank_are_told(stage: Stage, page: Page) -> None:
    open_view(page, stage, "training", **window(stage))
    expect(page.get_by_role("combobox", name="Job")).to_have_value(JOB)
    shown = tiles(page)
    assert (shown["Ranks"], shown["Steps"], shown["Hosts"]) == (str(RANKS), str(STEPS), "2")
    assert shown["Step time"].replace("\u00a0", " ") == "1.00 s"
    assert shown["Loss"] == f"{5 - (STEPS - 1) / 10:.4g}"
    assert shown["Goodput"].replace("\u00a0", " ") == "100 %"
    lost_h = STEPS * SLOWER_NS / 1e9 * RANKS / 3600
    assert shown["GPU time lost"].replace("\u00a0", " ").startswith(f"{lost_h:.3f}"[:5])
    expect(page.get_by_text(f"most by rank {SLOW_RANK}")).to_be_visible()
    expect(page.locator(".rs-verdict h2")).to_have_text("No rank hangs")
    assert page.locator("main b >> text=1</b>").count() == 0
    page.get_by_role("radio", name="forward").or_(page.get_by_role("button", name="forward")).first.click()
    expect(page).to_have_url(re.compile("phase=forward"))
    settle(page)
    expect(page.locator(".labels div span").first).to_have_text("rank 0")
    canvas = page.locator(".body canvas").first
    box = canvas.bounding_box()
    assert box is not None
    row = box["height"] / RANKS
    canvas.click(position={"x": 4, "y": row * (SLOW_RANK + 0.5)})
    expect(page).to_have_url(re.compile(f"rank={SLOW_RANK}&step=0|step=0&rank={SLOW_RANK}"))
    settle(page)
    lanes = page.locator(".lane")
    expect(lanes).to_have_count(RANKS)
    expect(page.locator(".lane.marked .label")).to_contain_text(f"rank {SLOW_RANK}")
    frame = page.locator(".frame").last
    frame.focus()
    for _ in range(SLOW_RANK):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tip").last).to_contain_text("entered last")
    page.get_by_role("link", name="Its traces").click()
    expect(page.locator(".rs-title")).to_have_text("Traces")
    settle(page)
    assert parse_qs(urlsplit(page.url).query)["where"] == [
        "training.step = 0",
        f"training.rank = {SLOW_RANK}",
    ]
    expect(page.get_by_text("1 traces by the span that matches")).to_be_visible()


def test_the_cause_of_a_slow_job_shows_its_rank_against_its_peers_and_what_would_be_without_it(
    stage: Stage, page: Page
) -> None:
    open_view(page, stage, "root-cause", **window(stage))
    expect(page.locator(".rs-verdict h2")).to_contain_text(f"Rank {SLOW_RANK}")
    card = page.locator('[class*="st-key-cause-1"]').first
    expect(card.locator(".rs-evidence").filter(has_text="what if")).to_contain_text(
        f"a step of {format_ms(STEP_NS / 1e6)} would take {format_ms((STEP_NS - SLOWER_NS) / 1e6)}"
    )
    expect(card.locator(CHART).first.locator(".name")).to_have_text([f"rank {SLOW_RANK}", "peers"])
    expect(card.locator(CHART).nth(1).locator(".name")).to_have_text(
        ["slowest rank", "median rank", "without it"]
    )
    card.get_by_role("link", name="Its job").click()
    expect(page.locator(".rs-title")).to_have_text("Training")
    settle(page)
    expect(page.get_by_role("combobox", name="Job")).to_have_value(JOB)


def test_shares_add_up_and_lost_time_is_told_by_rank_and_priced(stage: Stage, page: Page) -> None:
    client = connect(stage.store.url)
    bounds = window(stage)
    (job,) = fetch_jobs(client, TimeSpan(bounds["from_ns"], bounds["to_ns"]).window)
    (share,) = fetch_shares(client, job)
    assert share.total_s == pytest.approx(RANKS * STEPS * STEP_NS / 1e9)
    parts = share.compute_s + share.collective_s + share.data_s + share.checkpoint_s + share.idle_s
    assert parts == pytest.approx(share.total_s)
    forward_s = (RANKS * FORWARD_NS + SLOWER_NS) * STEPS / 1e9
    assert share.compute_s == pytest.approx(forward_s, rel=1e-3)
    (lost, *_) = fetch_lost(client, job)
    assert (lost.rank, lost.steps) == (SLOW_RANK, STEPS)
    assert lost.gpu_hours == pytest.approx(STEPS * SLOWER_NS / 1e9 * RANKS / 3600, rel=0.01)
    open_view(page, stage, "training", **bounds)
    bars = page.locator(".rs-shares .bar")
    expect(bars).to_have_count(1)
    assert format_ratio(share.compute_s / share.total_s) in (bars.first.get_attribute("aria-label") or "")
    (worth,) = price_jobs(client, [job], CostQuestion(bounds["from_ns"], bounds["to_ns"], 10.0))
    assert worth.basis == "bounded"
    assert worth.efficiency == pytest.approx(forward_s / share.total_s, rel=1e-3)
    frame = jobs_cost_frame([(worth, [share], [lost])])
    assert frame["efficiency"][0] == pytest.approx(100 * worth.efficiency)
    assert (frame["basis"][0], frame["lost"][0]) == ("at most", lost.gpu_hours)
    open_view(page, stage, "cost", **bounds)
    told = page.locator(".rs-told li")
    expect(told).to_have_text(worth.text.replace("`", ""))


def test_heat_stragglers_and_arrivals_all_point_at_the_same_rank(stage: Stage) -> None:
    client = connect(stage.store.url)
    bounds = window(stage)
    (job,) = fetch_jobs(client, TimeSpan(bounds["from_ns"], bounds["to_ns"]).window)
    heat = fetch_heat(client, job, "forward")
    assert heat.ranks[np.nanmean(heat.ratio, axis=1).argmax()] == SLOW_RANK
    assert heat.seconds[SLOW_RANK, 0] == pytest.approx((FORWARD_NS + SLOWER_NS) / 1e9, rel=1e-4)
    data = rank_heat_data(heat, phase="forward", against_peers=True)
    values = data["groups"][0]["rows"][SLOW_RANK]["values"]  # type: ignore[index]
    assert 2 ** values[0] == pytest.approx((FORWARD_NS + SLOWER_NS) / FORWARD_NS, rel=0.01)
    worst = fetch_stragglers(client, job)[0]
    assert (worst.rank, worst.is_straggler) == (SLOW_RANK, True)
    assert (worst.first_step, worst.last_step) == (0, STEPS - 1)
    last = fetch_arrivals(client, job).to_pylist()
    assert [(row["rank"], row["last"]) for row in last[:2]] == [(SLOW_RANK, STEPS), (0, 0)] or (
        last[0]["rank"],
        last[0]["last"],
    ) == (SLOW_RANK, STEPS)
    assert last[0]["mean_late_s"] == pytest.approx(SLOWER_NS / 1e9, rel=0.01)


def test_a_hang_names_who_did_not_come_and_who_waits() -> None:
    waits = Pending(1, "0", "dp", "all_reduce", 7, False, -1, 10**18, 0, 0, "h", "0")
    hang = Hang((3,), "absent", "0", "dp", "all_reduce", 7, (1,), 10**18, {3: waits}, {}, (waits,), {})
    look, title, words = hang_words(hang)
    assert (look, title) == ("found", "The job hangs: rank 3")
    assert "all_reduce 7 of group dp; 1 ranks wait" in words
    frame = pending_frame(hang, {3: Place(3, 0, 0, 0, "quiet-host", "0", "")})
    assert frame["host"].tolist() == ["quiet-host", "h"]
    assert list(zip(frame["rank"], frame["role"], strict=True)) == [(3, "at fault"), (1, "waits")]
    assert frame["waits_for"].tolist() == ["", "rank 3"]


def test_cost_counts_gpu_minutes_at_the_price_in_the_link(stage: Stage, page: Page) -> None:
    open_view(page, stage, "cost", price="3")
    shown = tiles(page)
    minutes, busy = (
        float(one)
        for one in stage.store.query(
            f"""SELECT count(), sum(used) FROM (
            SELECT HostName, toStartOfMinute(TimeUnix) AS m, avg(Value) AS used FROM otel_metrics_gauge
            WHERE MetricName = 'hw.gpu.utilization' AND TimeUnix >= fromUnixTimestamp64Nano({stage.from_ns})
                AND TimeUnix < fromUnixTimestamp64Nano({stage.to_ns}) GROUP BY 1, 2)"""
        ).split("\t")
    )
    assert shown["GPU time"] == format_number(minutes / 60, "h")
    assert shown["Cost"] == f"${minutes / 60 * 3:,.2f}"
    assert shown["Utilisation"] == format_ratio(busy / minutes)
    page.get_by_role("spinbutton").fill("6")
    page.get_by_role("spinbutton").press("Enter")
    expect(page).to_have_url(re.compile("price=6"))
    expect(page.locator(".tile").filter(has_text="Cost").locator(".value")).to_have_text(
        f"${minutes / 60 * 6:,.2f}"
    )
    expect(page.get_by_text("a service's GPU time, shared among its models")).to_be_visible()


def test_a_host_and_regions_side_by_side(stage: Stage, page: Page) -> None:
    open_view(page, stage, "host", host=stage.suspect)
    expect(page.locator(".rs-subject")).to_have_text(stage.suspect)
    rack, switch = stage.store.query(
        f"SELECT any(Rack), any(Switch) FROM otel_instances WHERE HostName = '{stage.suspect}'"
    ).split("\t")
    for text in (rack, switch, "ranker"):
        expect(page.locator(".rs-facts").first).to_contain_text(text)
    expect(page.locator(CHART).first).to_contain_text("ranker, peers")
    expect(page.locator(CHART).nth(1)).to_contain_text("GPU clock")
    open_view(page, stage, "fleet", side="1", by="rack", rows="all")
    expect(page.locator(".scroll")).to_have_count(2)
    hosts = stage.store.number(
        f"""SELECT uniqExact(ServiceName, HostName) FROM otel_spans_1m WHERE HostName != ''
        AND Minute >= fromUnixTimestamp({stage.from_ns // NS_PER_S})
        AND Minute < fromUnixTimestamp({stage.to_ns // NS_PER_S})"""
    )
    expect(page.locator(".labels div")).to_have_count(hosts)
    expect(page.locator(".group").first).to_contain_text(rack.rsplit("-r", 1)[0].rsplit("-c", 1)[0])

"""Traces merged by call path and compared, and clocks that differ put onto one: read models and pages."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
from looking import open_view
from playwright.sync_api import Page, expect
from stage import AHEAD_MS, SKEWED_TRACE, Stage

from rootspan_analysis.views.call_tree import compare_forests
from rootspan_analysis.views.clock_skew import estimate_skew, shifted
from rootspan_analysis.views.traces import fetch_trace_bounds, fetch_trace_tree
from rootspan_dashboard.words.formats import format_ms
from rootspan_store.client import connect

MS = 1_000_000


def spans(*rows: tuple[str, str, str, str, str, float, float], trace: str = "t") -> pa.Table:
    """Rows of id, parent, operation, kind, host, start and duration in ms; the service is the host's word."""
    names = ("span_id", "parent_id", "operation", "kind", "host")
    columns: dict[str, list[object]] = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    columns["service"] = [row[4].partition("-")[0] for row in rows]
    columns["start_ns"] = [round(row[5] * MS) for row in rows]
    columns["duration_ns"] = [round(row[6] * MS) for row in rows]
    columns["status"] = ["Unset"] * len(rows)
    columns["status_message"] = [""] * len(rows)
    columns["trace_id"] = [trace] * len(rows)
    return pa.table(columns).append_column("events", pa.array([0] * len(rows))).append_column(
        "links", pa.array([0] * len(rows))
    )  # fmt: skip


def call(
    ahead_ms: float, *, client: tuple[float, float] = (2, 26), server: tuple[float, float] = (3, 24)
) -> pa.Table:
    return spans(
        ("a", "", "GET /", "Server", "gw-1", 0, 30),
        ("b", "a", "Rank", "Client", "gw-1", *client),
        ("c", "b", "Rank", "Server", "rank-1", server[0] + ahead_ms, server[1]),
    )


@pytest.mark.parametrize("ahead_ms", [-500.0, -3.0, 3.0, 40.0])
def test_a_clock_that_must_differ_is_found_within_what_the_call_leaves(ahead_ms: float) -> None:
    (skew,) = estimate_skew(call(ahead_ms))
    assert skew.host == "rank-1"
    assert skew.consistent
    assert abs(skew.offset_ns + ahead_ms * MS) <= skew.error_ns == 1 * MS
    moved = shifted(call(ahead_ms), (skew,))["start_ns"].to_pylist()
    assert moved[:2] == [0, 2 * MS]
    assert 2 * MS <= moved[2] <= moved[2] + 24 * MS <= 28 * MS


@pytest.mark.parametrize("ahead_ms", [0.0, -0.9, 0.9])
def test_clocks_that_may_agree_are_left_alone(ahead_ms: float) -> None:
    assert estimate_skew(call(ahead_ms)) == ()


def test_work_that_goes_on_after_the_answer_is_no_skew_and_a_lost_parent_tells_nothing() -> None:
    table = call(40)
    consumer = pa.array(["Server", "Producer", "Consumer"])
    assert estimate_skew(table.set_column(table.column_names.index("kind"), "kind", consumer)) == ()
    assert estimate_skew(table.slice(2)) == ()


def test_more_calls_narrow_the_bounds_and_contradictions_are_told() -> None:
    first = call(40).to_pylist()
    close = [{**row, "span_id": row["span_id"] + "2", "parent_id": "a" if row["parent_id"] == "a" else "b2"}
             for row in call(40, client=(2, 24.2), server=(2.1, 24)).to_pylist()[1:]]  # fmt: skip
    (skew,) = estimate_skew(pa.Table.from_pylist([*first, *close]))
    assert skew.calls == 2
    assert skew.error_ns <= 0.1 * MS
    wild = [
        {**row, "start_ns": row["start_ns"] + (100 * MS if row["span_id"] == "c2" else 0)} for row in close
    ]
    (skew,) = estimate_skew(pa.Table.from_pylist([*first, *wild]))
    assert not skew.consistent


def test_offsets_add_up_along_the_calls() -> None:
    table = pa.concat_tables(
        [
            call(40),
            spans(("d", "c", "Get", "Client", "rank-1", 50, 10), ("e", "d", "Get", "Server", "fs-1", 20, 9)),
        ]
    )
    found = {one.host: one for one in estimate_skew(table)}
    assert abs(found["rank-1"].offset_ns + 40 * MS) <= 1 * MS
    assert abs(found["fs-1"].offset_ns - (found["rank-1"].offset_ns + 30.5 * MS)) <= 1


def test_call_paths_have_means_a_trace_and_what_differs() -> None:
    slow = spans(
        ("a", "", "GET /", "Server", "gw-1", 0, 30),
        ("b", "a", "Rank", "Server", "rank-1", 1, 20),
        ("c", "a", "Rank", "Server", "rank-2", 21, 5),
        ("d", "b", "new", "Internal", "rank-1", 2, 3),
    )
    usual = [
        spans(
            ("a", "", "GET /", "Server", "gw-1", 0, 12),
            ("b", "a", "Rank", "Server", "rank-1", 1, 10),
            trace=name,
        )
        for name in ("x", "y")
    ]
    paths = compare_forests(slow, pa.concat_tables(usual))
    assert [(one.operation, one.depth, one.parent) for one in paths] == [
        ("GET /", 0, -1),
        ("Rank", 1, 0),
        ("new", 2, 1),
    ]
    root, rank, new = paths
    assert (root.self_ns, root.other_self_ns) == (5 * MS, 2 * MS)
    assert (rank.spans, rank.other_spans, rank.hosts) == (2, 1, 2)
    assert (rank.self_ns, rank.other_self_ns) == (22 * MS, 10 * MS)
    assert (new.self_ns, new.other_spans) == (3 * MS, 0)
    assert compare_forests(slow.slice(0, 0)) == ()


@pytest.mark.browser
@pytest.mark.process
def test_the_waterfall_puts_a_wrong_clock_right_says_so_and_shows_it_as_told(
    stage: Stage, page: Page
) -> None:
    open_view(page, stage, "trace", trace=SKEWED_TRACE)
    words = page.locator(".st-key-clocks")
    expect(words).to_contain_text(f"worker-1 is {format_ms(AHEAD_MS)} ahead (± {format_ms(1)})")
    expect(page.locator(".row .dur").first).to_have_text(format_ms(30))
    expect(page.locator(".rs-facts").first).to_contain_text(format_ms(30))
    page.get_by_role("radio", name="The hosts' own clocks").or_(
        page.get_by_role("button", name="The hosts' own clocks")
    ).first.click()
    expect(page).to_have_url(re.compile("clocks=own"))
    expect(page.get_by_text("reaches beyond the parent")).to_be_visible()
    expect(page.locator(".rs-facts").first).to_contain_text(format_ms(AHEAD_MS + 27))


@pytest.mark.browser
@pytest.mark.process
def test_a_slow_trace_is_compared_with_a_normal_one_from_the_cause_s_card(stage: Stage, page: Page) -> None:
    open_view(page, stage, "root-cause")
    page.get_by_role("link", name="Compare").first.click()
    expect(page.locator(".rs-title")).to_have_text("Trace")
    expect(page.get_by_text("Most of the difference")).to_be_visible()
    query = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    client = connect(stage.store.url)
    durations = []
    for trace in (query["trace"], query["with"]):
        bounds = fetch_trace_bounds(client, trace)
        assert bounds is not None
        tree = fetch_trace_tree(client, trace, bounds, one_clock=False)
        assert tree is not None
        durations.append(format_ms((tree.end_ns - tree.start_ns) / MS))
    expect(page.locator(".rs-verdict p").first).to_contain_text(
        f"It took {durations[0]}, the other {durations[1]}."
    )
    expect(page.locator(".cell").first).to_contain_text("POST /recommend")
    page.get_by_role("button", name="End the comparison").click()
    expect(page.locator(".cell")).to_have_count(0)


@pytest.mark.browser
@pytest.mark.process
def test_many_traces_are_merged_and_walked_by_keyboard(stage: Stage, page: Page) -> None:
    open_view(page, stage, "traces", view="flame", find="random", service="gateway")
    cells = page.locator(".cell")
    expect(cells.first).to_contain_text("POST /recommend")
    frame = page.locator(".frame").last
    frame.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tip").last).to_contain_text("a trace")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show all")).to_have_count(0)

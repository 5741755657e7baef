"""What outlives raw retention: which traces and steps, whole, once, and seen by readers as before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

from rootspan_store.keeping import Keeper, KeptWindow, keeping_state
from rootspan_store.keeping.windows import Window, next_window
from rootspan_store.retention import KEPT_TABLES, RAW_TABLES
from rootspan_store.schema import migrate, render
from rootspan_store.settings import RetentionSettings
from rootspan_store.whole_views import WHOLE_VIEWS
from support.arrivals import PastFleet, Span

_H = 3600
_DAY = RetentionSettings(raw_days=1, ordinary_one_in=0, rare_traces=20)
_QUARTER = RetentionSettings(raw_days=0.2, ordinary_one_in=0, rare_traces=20)
# Arrived ten hours ago, unless said otherwise: each is kept for one reason.
_KEPT = {
    "failed": (["error"], 3),
    "slow": (["slow"], 2),
    "rare": (["rare"], 1),
    "canary": (["rare"], 1),
    "paid": (["incident"], 2),
    "long": (["error", "slow"], 3),
    "queued": (["error"], 2),
    "step-100-rank-0": (["step"], 1),
    "step-100-rank-1": (["step"], 1),
    "step-102-rank-0": (["error", "step"], 1),
    "step-102-rank-1": (["step"], 1),
}
_GONE = ("quick", "paid-before", "step-101-rank-0", "step-101-rank-1", "a500", "b100")


def keep_all(client: Client, settings: RetentionSettings, holder: str = "test") -> list[KeptWindow]:
    keeper = Keeper(client, settings, holder=holder)
    return list(iter(keeper.keep_next, None))


def rows(client: Client, query: str, **parameters: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(query, parameters=parameters).result_rows]


def number(client: Client, query: str, **parameters: object) -> int:
    return int(rows(client, query, **parameters)[0][0])


def step_spans(step: int, ms: Sequence[float], *, failed: bool = False) -> list[Span]:
    return [
        Span(
            f"step-{step}-rank-{rank}",
            f"{step}-{rank}",
            service="trainer",
            operation="train.step",
            kind="Internal",
            ms=took,
            status="Error" if failed and rank == 0 else "Unset",
            job="llm",
            attributes={"training.step": str(step), "training.rank": str(rank)},
        )
        for rank, took in enumerate(ms)
    ]


def tell_the_story(fleet: PastFleet) -> None:
    for service in ("shop", "pay"):
        fleet.ordinary(20 * _H, 1500, prefix="a" if service == "shop" else "p", service=service)
    for step in range(30):
        fleet.spans(20 * _H, step_spans(step, (100, 101)))
    # The first span of `queued` came when nothing was wrong; `long` came in parts over five hours.
    fleet.spans(13 * _H, [Span("queued", "1", operation="query", kind="Client", ms=1)])
    fleet.spans(15 * _H, [Span("long", "2", "1", operation="query", kind="Client")])
    fleet.spans(12 * _H, [Span("long", "3", "1", operation="query", kind="Client")])
    fleet.logs(15 * _H, {"long": "begun"})
    fleet.spans(10 * _H, [Span("long", "1", status="Error", ms=5 * _H * 1e3)], began_s_ago=15 * _H + 5)
    fleet.spans(
        10 * _H,
        [
            Span("failed", "1"),
            Span("failed", "2", "1", operation="query", kind="Client", status="Error"),
            Span("slow", "1", ms=100),
            Span("slow", "2", "1", operation="query", kind="Client"),
            Span("rare", "1", operation="DELETE /"),
            Span("canary", "1", version="2.0"),
            Span("quick", "1", ms=11),
            Span("quick", "2", "1", operation="query", kind="Client", ms=100),
            Span("queued", "2", "1", operation="query", kind="Client", status="Error"),
            Span("paid", "1"),
            Span("paid", "2", "1", service="pay"),
        ],
    )
    fleet.spans(11 * _H, [Span("paid-before", "1", service="pay")])
    fleet.spans(10 * _H + 30, step_spans(100, (100,)))
    fleet.spans(10 * _H, [*step_spans(100, (0, 500))[1:], *step_spans(101, (100, 120))])
    fleet.spans(10 * _H, step_spans(102, (100, 100), failed=True))
    fleet.incident(10 * _H + 60, 10 * _H - 60, service="pay")
    fleet.logs(10 * _H, {"failed": "boom", "quick": "fine"})
    fleet.logs(10 * _H, {"": "switch is down"}, severity="ERROR", service="agent")
    fleet.logs(8 * _H, {"": "all is well"}, severity="ERROR", service="agent")
    # A span of `failed` comes four hours late, and its log record.
    fleet.spans(6 * _H, [Span("failed", "3", "1", operation="query", kind="Client")], began_s_ago=10 * _H)
    fleet.logs(6 * _H, {"failed": "late words"})
    fleet.ordinary(6 * _H, 500, prefix="b")
    fleet.settle()


@pytest.fixture(scope="module")
def database(store: StoreProcess) -> Iterator[Client]:
    """One database for all, since making it takes seconds."""
    client = store.connect("kept")
    migrate(client, retention=_DAY)
    yield client
    client.command("DROP DATABASE kept", use_database=False)
    client.close()


@pytest.fixture(scope="module")
def kept(database: Client) -> Client:
    """The story, kept."""
    tell_the_story(PastFleet(database))
    windows = keep_all(database, _DAY)
    assert len(windows) >= 7
    assert keep_all(database, _DAY) == []
    return database


@pytest.fixture
def empty(database: Client) -> Client:
    """Nothing in it. For tests behind those of the story."""
    for table in ("rootspan_incidents", "otel_spans_1m", *RAW_TABLES, *KEPT_TABLES, "rootspan_operations_1d"):
        database.command(f"TRUNCATE TABLE {table}")
    migrate(database, retention=_DAY)
    return database


@pytest.fixture(scope="module")
def expired(kept: Client) -> Client:
    """The story, after its raw rows expired."""
    rollups = "SELECT sum(Spans), sum(Errors) FROM otel_spans_1m"
    before = rows(kept, rollups)
    migrate(kept, retention=_QUARTER)
    for table in RAW_TABLES:
        kept.command(f"OPTIMIZE TABLE {table} FINAL")
    assert number(kept, "SELECT count() FROM otel_traces") == 0
    assert rows(kept, rollups) == before
    return kept


def test_a_trace_is_kept_for_what_one_of_its_spans_shows(kept: Client) -> None:
    found = dict(
        rows(
            kept,
            "SELECT TraceId, arraySort(groupUniqArrayArray(Reasons)) FROM rootspan_kept GROUP BY TraceId",
        )
    )
    assert {trace: found.get(trace) for trace in _KEPT} == {
        trace: reasons for trace, (reasons, _) in _KEPT.items()
    }
    assert not set(_GONE) & set(found)
    # Nothing is known at first: then so many of each operation are kept.
    assert sum(trace.startswith("a") for trace in found) == 20


def test_steps_are_kept_with_all_ranks(kept: Client) -> None:
    assert rows(kept, "SELECT Step, Reasons FROM rootspan_kept_steps ORDER BY Step") == [
        (100, ["slow"]),
        (102, ["error"]),
    ]


def test_a_kept_trace_is_whole_and_there_once_before_and_after_its_raw_rows_expire(
    kept: Client, request: pytest.FixtureRequest
) -> None:
    chosen = "WHERE TraceId IN {traces:Array(String)} GROUP BY TraceId"
    spans = f"SELECT TraceId, count(), uniqExact(SpanId) FROM {{}} {chosen}"
    expected = sorted((trace, count, count) for trace, (_, count) in _KEPT.items())
    for table in ("rootspan_spans", "otel_traces_kept"):
        assert sorted(rows(kept, spans.replace("{}", table), traces=list(_KEPT))) == expected, table
    whole = number(kept, "SELECT count() FROM otel_traces")
    assert number(kept, "SELECT count() FROM rootspan_spans") == whole
    client = request.getfixturevalue("expired")
    assert sorted(rows(client, spans.replace("{}", "rootspan_spans"), traces=list(_KEPT))) == expected


def test_ordinary_traces_go_with_their_raw_rows(expired: Client) -> None:
    query = "SELECT count() FROM {} WHERE TraceId IN {traces:Array(String)}"
    for view in ("rootspan_spans", "rootspan_logs", "rootspan_trace_times"):
        assert number(expired, query.replace("{}", view), traces=list(_GONE)) == 0, view


def test_what_arrives_after_retention_passed_stands_beside_what_is_kept(expired: Client) -> None:
    before = number(expired, "SELECT count() FROM rootspan_spans")
    PastFleet(expired).spans(0, [Span("new", "1")])
    assert number(expired, "SELECT count() FROM rootspan_spans") == before + 1


def test_logs_of_kept_traces_and_of_incidents_are_kept(expired: Client) -> None:
    found = rows(
        expired, "SELECT TraceId, Body FROM rootspan_logs WHERE NOT match(TraceId, '^[ap][0-9]') ORDER BY ALL"
    )
    assert found == [
        ("", "switch is down"),
        ("failed", "boom"),
        ("failed", "late words"),
        ("long", "begun"),
    ]


def test_a_kept_trace_is_found_by_its_times_and_a_kept_step_in_typed_columns(expired: Client) -> None:
    times = "SELECT TraceId, min(Start) < max(End) FROM rootspan_trace_times GROUP BY 1"
    assert sorted(row for row in rows(expired, times) if row[0] in ("long", "slow")) == [
        ("long", True),
        ("slow", True),
    ]
    steps = "SELECT Step, Rank, IsStep FROM rootspan_training_spans ORDER BY Step, Rank"
    assert [row for row in rows(expired, steps) if row[0] >= 100] == [
        (100, 0, True), (100, 1, True), (102, 0, True), (102, 1, True),
    ]  # fmt: skip


def test_kept_tables_have_the_columns_of_the_raw_ones(kept: Client) -> None:
    columns = (
        "SELECT name, type, default_expression FROM system.columns "
        "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"
    )
    for raw, copy in WHOLE_VIEWS.values():
        assert rows(kept, columns, table=copy) == rows(kept, columns, table=raw)


def test_the_state_tells_position_lag_and_share(kept: Client) -> None:
    state = keeping_state(kept)
    spans = number(kept, "SELECT sum(Spans) FROM rootspan_retention WHERE Done")
    assert (state.spans, state.windows > 6) == (spans, True)
    assert state.kept_spans == number(kept, "SELECT count() FROM otel_traces_kept") - 3  # those found later
    assert state.kept_by_reason["slow"] == 2
    assert 0 < state.kept_ratio < 0.1


def test_one_in_so_many_ordinary_traces_is_kept_and_weighs_as_many(empty: Client) -> None:
    fleet = PastFleet(empty)
    fleet.ordinary(12 * _H, 4000, prefix="h")
    fleet.ordinary(10 * _H, 4000, prefix="s")
    fleet.spans(10 * _H, [Span("failed", "1", status="Error")])
    fleet.settle()
    keep_all(empty, RetentionSettings(raw_days=1, ordinary_one_in=10, rare_traces=1))
    found = rows(
        empty,
        "SELECT count(), uniqExact(TraceId), sum(Weight), min(Weight) FROM otel_traces_kept "
        "WHERE TraceId LIKE 's%'",
    )[0]
    # The hash of these ids is fixed: within four standard deviations of a tenth.
    assert abs(found[1] - 400) < 4 * 19
    assert found[0] == 2 * found[1]
    assert (found[2], found[3]) == (10 * found[0], 10)
    assert rows(empty, "SELECT Weight FROM otel_traces_kept WHERE TraceId = 'failed'") == [(1.0,)]


def test_names_without_end_are_not_rare(empty: Client) -> None:
    fleet = PastFleet(empty)
    fleet.spans(12 * _H, [Span(f"x{n}", "1", operation=f"GET /user/{n}") for n in range(1500)])
    fleet.spans(10 * _H, [Span(f"y{n}", "1", operation=f"GET /user/{n + 9000}") for n in range(1500)])
    fleet.settle()
    first, second = keep_all(empty, _DAY)
    assert (first.kept_traces, second.kept_traces) == (1000, 0)


def test_windows_hold_a_bounded_number_of_rows_and_reach_no_further_than_the_quiet_time() -> None:
    assert next_window(100, 10_000, [(100, 5), (101, 5), (102, 5)], most_items=10) == Window(100, 102, 1)
    assert next_window(100, 10_000, [(100, 35)], most_items=10) == Window(100, 700, 4)
    assert next_window(100, 130, [(100, 5)], most_items=10) == Window(100, 130, 1)
    assert next_window(100, 10_000, [(100, 1)], most_items=10) == Window(100, 700, 1)


def test_raw_rows_expire_after_seconds_and_readers_see_each_row_once_all_the_while(empty: Client) -> None:
    """Real time: rows arrive now, are judged two seconds later, and expire ten seconds after that."""
    short = RetentionSettings(raw_days=12 / 86_400, quiet_s=2, kept_days=1, ordinary_one_in=0, rare_traces=0)
    migrate(empty, retention=short)
    PastFleet(empty).spans(
        0, [Span("failed", "1", status="Error"), Span("failed", "2", "1"), Span("quick", "1")]
    )
    seen = "SELECT TraceId, count() FROM rootspan_spans GROUP BY 1 ORDER BY 1"
    deadline = time.monotonic() + 120
    keeper = Keeper(empty, short)
    outcome = None
    while outcome is None and time.monotonic() < deadline:
        outcome = keeper.keep_next()
        time.sleep(0.1)
    states = set()
    while number(empty, "SELECT count() FROM otel_traces") and time.monotonic() < deadline:
        states.add(tuple(rows(empty, seen)))
        empty.command("OPTIMIZE TABLE otel_traces FINAL")
        time.sleep(0.2)
    assert rows(empty, seen) == [("failed", 2)]
    assert states <= {(("failed", 2), ("quick", 1)), (("failed", 2),)}


def test_every_kept_table_repeats_nothing_that_is_written_again() -> None:
    """A token is known by the tables that have a window for it."""
    for table in (*KEPT_TABLES, "rootspan_operations_1d"):
        definition = render("otel").split(f"CREATE TABLE IF NOT EXISTS {table}")[1].split(";\n")[0]
        assert "non_replicated_deduplication_window = 10000" in definition, table

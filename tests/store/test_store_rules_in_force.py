"""Rules: how they come into force, change and end, while data comes in and over crashes."""

from __future__ import annotations

import threading

import pytest
from clickhouse_connect.driver.client import Client
from store_process import StoreProcess

from rootspan_analysis.telemetry import balance
from rootspan_store.errors import RulesUnknown, StoreConfigError, StoreRejected
from rootspan_store.ingest import Signal
from rootspan_store.rules import RuleSet
from rootspan_store.schema import Migration, load_migrations, migrate
from support.ruled import VIEWS, insert, rows, rules, spans, texts_of_views


def test_without_rules_the_views_are_what_the_migrations_say(ruled: Client) -> None:
    before = texts_of_views(ruled)
    migrate(ruled, rules=RuleSet())
    migrate(
        ruled,
        rules=rules({"name": "a", "action": "drop", "when": {"name": "x"}}, signals=["logs"]),
    )
    after = {row[0]: row[1:] for row in texts_of_views(ruled)}
    for name, *rest in before:
        if name != "otlp_logs_to_records":
            assert list(after[name]) == rest
    migrate(ruled, rules=RuleSet())
    assert [row[:2] for row in texts_of_views(ruled)] == [row[:2] for row in before]


def test_rules_change_exactly_when_their_text_does(ruled: Client) -> None:
    some = rules({"name": "a", "action": "redact", "keys": ["token"]})
    migrate(ruled, rules=some)
    before = texts_of_views(ruled)
    migrate(ruled, rules=some)
    migrate(ruled)  # nobody says anything of rules: they stay
    assert texts_of_views(ruled) == before
    migrate(ruled, rules=rules({"name": "a", "action": "redact", "keys": ["other"]}))
    assert texts_of_views(ruled) != before


def test_a_segment_that_is_repeated_across_a_change_of_rules_is_stored_once(
    store: StoreProcess, ruled: Client
) -> None:
    insert(ruled, Signal.TRACES, "segment-1", spans("before"))
    migrate(ruled, rules=rules({"name": "a", "action": "redact", "keys": ["k"]}))
    insert(ruled, Signal.TRACES, "segment-1", spans("before"))
    insert(ruled, Signal.TRACES, "segment-2", spans("after"))
    migrate(ruled, rules=rules({"name": "a", "action": "remove", "keys": ["k"]}))
    insert(ruled, Signal.TRACES, "segment-2", spans("after"))
    assert rows(ruled, "SELECT SpanName, count() FROM otel_traces GROUP BY ALL ORDER BY ALL") == [
        ("after", 1),
        ("before", 1),
    ]
    assert balance(ruled).by_signal["traces"].stored == 2


def test_a_change_of_rules_loses_and_doubles_nothing_that_comes_in_meanwhile(
    store: StoreProcess, ruled: Client
) -> None:
    stop, sent, failures = threading.Event(), [0, 0], []

    def send(worker: int) -> None:
        own = store.connect("ruled")
        try:
            while not stop.is_set():
                insert(own, Signal.TRACES, f"{worker}-{sent[worker]}", spans(f"{worker}-{sent[worker]}"))
                sent[worker] += 1
        except BaseException as err:
            failures.append(err)
        finally:
            own.close()

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    for place in range(2):
        migrate(ruled, rules=rules({"name": "a", "action": "redact", "keys": [f"k{place}"]}))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(ruled, "SELECT count(), uniqExact(SpanName) FROM otel_traces") == [(sum(sent), sum(sent))]


def test_a_view_that_a_crash_left_renamed_gets_its_name_back(ruled: Client) -> None:
    ruled.command("RENAME TABLE otlp_traces_to_spans TO otlp_traces_to_spans_rootspan_renamed")
    migrate(ruled)
    insert(ruled, Signal.TRACES, "1", spans("a"))
    assert "otlp_traces_to_spans" in [name for name, *_ in texts_of_views(ruled)]
    assert rows(ruled, "SELECT count() FROM otel_traces") == [(1,)]


def test_a_fresh_database_is_under_rules_from_its_first_view_on(client: Client) -> None:
    given = rules({"name": "d", "action": "drop", "when": {"name": "x"}})
    first = load_migrations()[:1]
    # Cut off after the first migration: what it made must already be under rules.
    with pytest.raises(StoreRejected, match="rootspan_"):
        migrate(client, rules=given, migrations=first)
    insert(client, Signal.TRACES, "1", spans("x", "y"))
    assert rows(client, "SELECT SpanName FROM otel_traces") == [("y",)]


def test_an_upgrade_that_makes_ruled_views_anew_needs_the_rules(client: Client) -> None:
    given = rules({"name": "d", "action": "redact", "keys": ["token"]}, signals=["logs"])
    migrate(client)
    migrate(client, rules=given)
    view = next(one for one in VIEWS if one.table == "otel_logs")
    newest = load_migrations()[-1].version + 1
    upgrade = Migration.parse(
        f"{newest:04d}_anew.sql",
        f"DROP VIEW {view.name};\n"
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view.name} TO {view.table} AS {view.select}",
        {},
    )
    with pytest.raises(RulesUnknown, match="--rules"):
        migrate(client, migrations=[*load_migrations(), upgrade])
    migrate(client, rules=given, migrations=[*load_migrations(), upgrade])
    ((text,),) = rows(
        client,
        "SELECT as_select FROM system.tables WHERE database = 'tests' AND name = 'otlp_logs_to_records'",
    )
    assert "token" in text


def test_what_the_engine_cannot_run_changes_nothing(ruled: Client) -> None:
    before = texts_of_views(ruled)
    given = rules({"name": "a", "action": "redact", "pattern": "a"})
    broken = given.rules[0].model_copy(update={"pattern": "(?=x)"})
    with pytest.raises(StoreConfigError, match="nothing was changed"):
        migrate(ruled, rules=given.model_copy(update={"rules": (broken,)}))
    assert texts_of_views(ruled) == before

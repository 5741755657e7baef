"""Rules: what they do to spans, logs and points in a real engine, and how they come into force."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from store_process import StoreProcess

from rootspan_analysis.telemetry import balance
from rootspan_store.errors import RulesUnknown, StoreConfigError, StoreRejected
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.rules import RuleSet, landing_views
from rootspan_store.rules.layout import LAYOUTS
from rootspan_store.schema import Migration, load_migrations, migrate

_KEY = "a key that nobody knows"
NOW = 1_700_000_000_000_000_000
_VIEWS = landing_views(statement for one in load_migrations() for statement in one.statements)


def rules(*given: dict[str, Any], signals: Sequence[str] = ("traces",)) -> RuleSet:
    """Rules for spans alone, unless they say otherwise: a landing view takes half a second to change."""
    return RuleSet.model_validate(
        {"rules": [{"signals": signals, **one} for one in given], "rules_key": _KEY}
    )


def pairs(**values: str) -> list[KeyValue]:
    return [
        KeyValue(key=key.replace("__", "."), value=AnyValue(string_value=value))
        for key, value in sorted(values.items())
    ]


def spans(*names: str, traces: int = 1, tenant: str = "", **attributes: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(pairs(service__name="shop", host__name="h1", user__id="u-9"))
    scope = resource.scope_spans.add()
    for trace in range(traces):
        for place, name in enumerate(names):
            span = scope.spans.add(
                trace_id=(trace + 1).to_bytes(16, "big"),
                span_id=(trace * 1000 + place + 1).to_bytes(8, "big"),
                name=name,
                start_time_unix_nano=NOW,
                end_time_unix_nano=NOW + 1000,
                attributes=pairs(**attributes),
            )
            span.events.add(name="e", time_unix_nano=NOW, attributes=pairs(mail="to a@b.example now"))
    return request


def insert(client: Client, signal: Signal, token: str, *requests: Any, tenant: str = "") -> None:
    body = b""
    for request in requests:
        payload = request.SerializeToString()
        if tenant:
            # Field 1000, as the collector writes it.
            payload += b"\xc2\x3e" + bytes([len(tenant)]) + tenant.encode()
        body += frame_prefix(len(payload)) + payload
    settings = insert_settings(signal, f"{os.environ['PYTEST_CURRENT_TEST']}-{token}")
    client.raw_insert(landing_table(signal), insert_block=body, settings=settings, fmt="Protobuf")


def rows(client: Client, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(query).result_rows]


_TOUCHED = (
    "otel_traces", "otel_logs", "otel_metrics_gauge", "otel_metrics_sum", "otel_spans_1m", "rootspan_stored",
    "rootspan_dropped",
)  # fmt: skip


@pytest.fixture(scope="module")
def migrated(store: StoreProcess) -> Iterator[Client]:
    admin = store.connect()
    own = store.connect("ruled")
    migrate(own)
    yield own
    own.close()
    admin.command("DROP DATABASE ruled")
    admin.close()


@pytest.fixture
def schema(migrated: Client) -> Iterator[Client]:
    """The whole schema, empty and without rules; one database for all, since making it takes seconds."""
    yield migrated
    migrate(migrated, rules=RuleSet())
    for table in _TOUCHED:
        migrated.command(f"TRUNCATE TABLE {table}")


def texts_of_views(client: Client) -> list[tuple[Any, ...]]:
    return rows(
        client,
        "SELECT name, as_select, metadata_modification_time FROM system.tables "
        "WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY name",
    )


def test_every_landing_view_has_a_layout_whose_columns_are_its_tables() -> None:
    assert {view.table for view in _VIEWS} == set(LAYOUTS)
    schema = "\n".join(statement for one in load_migrations() for statement in one.statements)
    for table, layout in LAYOUTS.items():
        definition = schema.split(f"CREATE TABLE IF NOT EXISTS {table}\n")[1].split("ENGINE")[0]
        for column in (layout.name, layout.own, *layout.scope, *layout.texts, *layout.trace_ids):
            assert f"    {column} " in definition, (table, column)
        for column in layout.events:
            nested, inner = column.split(".")
            assert re.search(rf"    {nested} Nested\([^;]*\b{inner} Map\(", definition), (table, column)
        for column, key in layout.derived.items():
            if column != "ServiceName":
                assert f"{column} LowCardinality(String) DEFAULT ResourceAttributes['{key}']" in definition
        repeated = definition.count("DEFAULT ResourceAttributes[")
        assert repeated == len(layout.derived) - 1, "a column repeats an attribute, and rules do not know it"


def test_without_rules_the_views_are_what_the_migrations_say(schema: Client) -> None:
    before = texts_of_views(schema)
    migrate(schema, rules=RuleSet())
    migrate(
        schema,
        rules=rules({"name": "a", "action": "drop", "when": {"name": "x"}}, signals=["logs"]),
    )
    after = {row[0]: row[1:] for row in texts_of_views(schema)}
    for name, *rest in before:
        if name != "otlp_logs_to_records":
            assert list(after[name]) == rest
    migrate(schema, rules=RuleSet())
    assert [row[:2] for row in texts_of_views(schema)] == [row[:2] for row in before]


def test_values_are_redacted_by_key_and_by_pattern_wherever_they_stand(schema: Client) -> None:
    migrate(
        schema,
        rules=rules(
            {"name": "tokens", "action": "redact", "keys": ["token"], "keys_match": "(?i)^secret"},
            {"name": "mail", "action": "redact", "pattern": r"[a-z]+@[a-z.]+", "replacement": r"<\0>"},
            signals=("traces", "logs", "metrics"),
        ),
    )
    request = spans("GET a@b.example", token="t-1", SECRET_x="s", other="me@x.example, you@y.example")
    request.resource_spans[0].scope_spans[0].spans[0].status.message = "no a@b.example"
    insert(schema, Signal.TRACES, "1", request)
    query = "SELECT SpanName, StatusMessage, SpanAttributes, `Events.Attributes` FROM otel_traces"
    assert rows(schema, query) == [
        (
            r"GET <\0>",
            r"no <\0>",
            {"SECRET_x": "[redacted]", "other": r"<\0>, <\0>", "token": "[redacted]"},
            [{"mail": r"to <\0> now"}],
        )
    ]
    logs = ExportLogsServiceRequest()
    record = (
        logs.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            time_unix_nano=NOW, body=AnyValue(string_value="hello a@b.example"), attributes=pairs(token="x")
        )
    )
    assert record.attributes
    insert(schema, Signal.LOGS, "2", logs)
    assert rows(schema, "SELECT Body, LogAttributes FROM otel_logs") == [
        (r"hello <\0>", {"token": "[redacted]"})
    ]
    metrics = ExportMetricsServiceRequest()
    point = (
        metrics.resource_metrics.add()
        .scope_metrics.add()
        .metrics.add(name="m")
        .gauge.data_points.add(time_unix_nano=NOW, as_double=1, attributes=pairs(token="x", host="h"))
    )
    point.exemplars.add(time_unix_nano=NOW, as_double=1, filtered_attributes=pairs(token="y"))
    insert(schema, Signal.METRICS, "3", metrics)
    assert rows(schema, "SELECT Attributes, `Exemplars.FilteredAttributes` FROM otel_metrics_gauge") == [
        ({"host": "h", "token": "[redacted]"}, [{"token": "[redacted]"}])
    ]


def test_columns_that_repeat_an_attribute_follow_it(schema: Client) -> None:
    migrate(
        schema,
        rules=rules(
            {"name": "hosts", "action": "redact", "keys": "host.name", "replacement": "h?"},
            {"name": "legacy", "action": "rename", "keys": {"service.name": "app"}},
        ),
    )
    insert(schema, Signal.TRACES, "1", spans("a"))
    assert rows(schema, "SELECT HostName, ServiceName, ResourceAttributes FROM otel_traces") == [
        ("h?", "", {"app": "shop", "host.name": "h?", "user.id": "u-9"})
    ]
    assert rows(schema, "SELECT DISTINCT HostName FROM otel_spans_1m") == [("h?",)]


def test_hashes_are_keyed_and_salted_and_the_key_is_not_shown(schema: Client) -> None:
    migrate(
        schema,
        rules=rules(
            {"name": "h", "action": "hash", "keys": ["user.id", "mail"]},
            {"name": "salted", "action": "hash", "keys": ["b"], "salt": "2026"},
        ),
    )
    insert(schema, Signal.TRACES, "1", spans("x", mail="u-9", b="u-9"))
    ((resource, own),) = rows(schema, "SELECT ResourceAttributes, SpanAttributes FROM otel_traces")
    import hashlib
    import hmac

    def expected(salt: str) -> str:
        return hmac.new(_KEY.encode(), f"{salt}\0u-9".encode(), hashlib.sha256).hexdigest()[:32]

    assert resource["user.id"] == own["mail"] == expected("")
    assert own["b"] == expected("2026")
    for query in (
        "SELECT create_table_query FROM system.tables WHERE name = 'otlp_traces_to_spans'",
        "SHOW CREATE TABLE otlp_traces_to_spans",
        "SELECT toString(tuple(*)) FROM rootspan_rules",
    ):
        assert _KEY not in str(rows(schema, query))


def test_attributes_are_removed_and_renamed_and_maps_stay_sorted(schema: Client) -> None:
    migrate(
        schema,
        rules=rules(
            {"name": "r", "action": "remove", "keys_match": "^tmp[.]", "keys": ["x"]},
            {"name": "n", "action": "rename", "keys": {"http.status_code": "a.status", "old": "taken"}},
        ),
    )
    insert(
        schema,
        Signal.TRACES,
        "1",
        spans("s", tmp__a="1", x="1", y="2", http__status_code="200", old="o", taken="t"),
    )
    ((own, sorted_too),) = rows(
        schema, "SELECT SpanAttributes, mapSort(SpanAttributes) = SpanAttributes FROM otel_traces"
    )
    assert own == {"a.status": "200", "old": "o", "taken": "t", "y": "2"}
    assert sorted_too


def test_rules_select_by_tenant_service_name_and_attributes(schema: Client) -> None:
    redact = {"action": "redact", "pattern": "v", "within": ["attributes"]}
    migrate(
        schema,
        rules=rules(
            {"name": "t", **redact, "replacement": "T", "when": {"tenant": ["ads", "x"]}},
            {"name": "n", **redact, "replacement": "N", "when": {"name": "by-name"}},
            {"name": "m", **redact, "replacement": "M", "when": {"name_matches": "^by-p"}},
            {
                "name": "a",
                **redact,
                "replacement": "A",
                "when": {"attributes": {"k": ["w", "v"]}, "has": "k2"},
            },
            {
                "name": "r",
                **redact,
                "replacement": "R",
                "when": {"attributes_match": {"user.id": "^u-9", "k3": "."}},
            },
            {"name": "s", **redact, "replacement": "S", "when": {"service": "other"}},
        ),
    )
    insert(schema, Signal.TRACES, "1", spans("tenant", k="v"), tenant="ads")
    for place, (name, attributes) in enumerate(
        [
            ("by-name", {"k": "v"}),
            ("by-pattern", {"k": "v"}),
            ("attr", {"k": "v", "k2": ""}),
            ("res", {"k3": "v"}),
            ("none", {"k": "v"}),
        ]
    ):
        insert(schema, Signal.TRACES, f"i{place}", spans(name, **attributes))
    found = dict(
        rows(schema, "SELECT SpanName, arrayStringConcat(mapValues(SpanAttributes)) FROM otel_traces")
    )
    assert found == {"tenant": "T", "by-name": "N", "by-pattern": "M", "attr": "A", "res": "R", "none": "v"}


def test_what_is_dropped_is_counted_by_rule_and_the_balance_holds(schema: Client) -> None:
    migrate(
        schema,
        rules=rules(
            {"name": "health", "action": "drop", "when": {"name_matches": "^/health"}, "signals": ["traces"]},
            {"name": "noise", "action": "drop", "when": {"name": "noise"}, "signals": ["traces", "metrics"]},
        ),
    )
    for _ in range(2):  # repeated, as after an answer that was lost
        insert(schema, Signal.TRACES, "1", spans("/healthz", "GET /", "noise", "noise", traces=5))
    metrics = ExportMetricsServiceRequest()
    scope = metrics.resource_metrics.add().scope_metrics.add()
    for name in ("noise", "kept"):
        scope.metrics.add(name=name).sum.data_points.add(time_unix_nano=NOW, as_int=1)
    insert(schema, Signal.METRICS, "2", metrics)
    counted = "SELECT Signal, Rule, sum(Items) FROM rootspan_dropped GROUP BY ALL ORDER BY ALL"
    assert rows(schema, counted) == [
        ("metrics", "noise", 1),
        ("traces", "health", 5),
        ("traces", "noise", 10),
    ]
    found = balance(schema)
    assert (found.by_signal["traces"].stored, found.by_signal["traces"].dropped) == (5, 15)
    assert (found.by_signal["metrics"].stored, found.by_signal["metrics"].dropped) == (1, 1)
    migrate(schema, rules=RuleSet())
    insert(schema, Signal.TRACES, "3", spans("/healthz"))
    assert balance(schema).by_signal["traces"].dropped == 15
    assert rows(schema, "SELECT count() FROM otel_traces WHERE SpanName = '/healthz'") == [(1,)]
    assert not [name for name, *_ in texts_of_views(schema) if name.startswith("rootspan_dropped")]


def test_a_share_of_whole_traces_is_kept_and_weighted(schema: Client) -> None:
    migrate(
        schema,
        rules=rules(
            {"name": "busy", "action": "sample", "ratio": 0.25, "when": {"name_matches": "^busy"}},
            {"name": "rest", "action": "sample", "ratio": 0.5},
        ),
    )
    traces = 4000
    insert(schema, Signal.TRACES, "1", spans("busy", "busy2", "quiet", traces=traces))
    query = "SELECT SpanName, count(), sum(Weight) FROM otel_traces GROUP BY SpanName"
    kept = {name: (count, weight) for name, count, weight in rows(schema, query)}
    # Ids and hash are fixed, so these are too: within four standard deviations of the ratio.
    assert kept["busy"] == kept["busy2"]
    assert abs(kept["busy"][0] - 1000) < 4 * 28
    assert abs(kept["quiet"][0] - 2000) < 4 * 32
    assert kept["busy"][1] == 4 * kept["busy"][0]
    assert kept["quiet"][1] == 2 * kept["quiet"][0]
    # Who is in the smaller share is in the larger one: traces stay whole as far as can be.
    assert rows(
        schema,
        "SELECT count() FROM (SELECT TraceId FROM otel_traces GROUP BY TraceId "
        "HAVING countIf(SpanName = 'busy') > 0 AND countIf(SpanName = 'quiet') = 0)",
    ) == [(0,)]
    found = balance(schema).by_signal["traces"]
    assert found.stored + found.dropped == 3 * traces


def test_rules_change_exactly_when_their_text_does(schema: Client) -> None:
    some = rules({"name": "a", "action": "redact", "keys": ["token"]})
    migrate(schema, rules=some)
    before = texts_of_views(schema)
    migrate(schema, rules=some)
    migrate(schema)  # nobody says anything of rules: they stay
    assert texts_of_views(schema) == before
    migrate(schema, rules=rules({"name": "a", "action": "redact", "keys": ["other"]}))
    assert texts_of_views(schema) != before


def test_a_segment_that_is_repeated_across_a_change_of_rules_is_stored_once(
    store: StoreProcess, schema: Client
) -> None:
    insert(schema, Signal.TRACES, "segment-1", spans("before"))
    migrate(schema, rules=rules({"name": "a", "action": "redact", "keys": ["k"]}))
    insert(schema, Signal.TRACES, "segment-1", spans("before"))
    insert(schema, Signal.TRACES, "segment-2", spans("after"))
    migrate(schema, rules=rules({"name": "a", "action": "remove", "keys": ["k"]}))
    insert(schema, Signal.TRACES, "segment-2", spans("after"))
    assert rows(schema, "SELECT SpanName, count() FROM otel_traces GROUP BY ALL ORDER BY ALL") == [
        ("after", 1),
        ("before", 1),
    ]
    assert balance(schema).by_signal["traces"].stored == 2


def test_a_change_of_rules_loses_and_doubles_nothing_that_comes_in_meanwhile(
    store: StoreProcess, schema: Client
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
        migrate(schema, rules=rules({"name": "a", "action": "redact", "keys": [f"k{place}"]}))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert rows(schema, "SELECT count(), uniqExact(SpanName) FROM otel_traces") == [(sum(sent), sum(sent))]


def test_a_view_that_a_crash_left_renamed_gets_its_name_back(schema: Client) -> None:
    schema.command("RENAME TABLE otlp_traces_to_spans TO otlp_traces_to_spans_rootspan_renamed")
    migrate(schema)
    insert(schema, Signal.TRACES, "1", spans("a"))
    assert "otlp_traces_to_spans" in [name for name, *_ in texts_of_views(schema)]
    assert rows(schema, "SELECT count() FROM otel_traces") == [(1,)]


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
    view = next(one for one in _VIEWS if one.table == "otel_logs")
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


def test_what_the_engine_cannot_run_changes_nothing(schema: Client) -> None:
    before = texts_of_views(schema)
    given = rules({"name": "a", "action": "redact", "pattern": "a"})
    broken = given.rules[0].model_copy(update={"pattern": "(?=x)"})
    with pytest.raises(StoreConfigError, match="nothing was changed"):
        migrate(schema, rules=given.model_copy(update={"rules": (broken,)}))
    assert texts_of_views(schema) == before


@pytest.fixture(scope="module", autouse=True)
def _no_key_in_the_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ROOTSPAN_RULES_KEY", raising=False)
        yield

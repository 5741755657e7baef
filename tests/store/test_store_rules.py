"""Rules: what they do to spans, logs and points in a real engine."""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from pathlib import Path

from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from rootspan_analysis.telemetry import balance
from rootspan_store.ingest import Signal
from rootspan_store.rules import RuleSet
from rootspan_store.rules.layout import LAYOUTS
from rootspan_store.schema import load_migrations, migrate
from support.ruled import KEY, NOW, VIEWS, insert, pairs, rows, rules, spans, texts_of_views


def test_every_landing_view_has_a_layout_whose_columns_are_its_tables() -> None:
    assert {view.table for view in VIEWS} == set(LAYOUTS)
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


def test_values_are_redacted_by_key_and_by_pattern_wherever_they_stand(ruled: Client) -> None:
    migrate(
        ruled,
        rules=rules(
            {"name": "tokens", "action": "redact", "keys": ["token"], "keys_match": "(?i)^secret"},
            {"name": "mail", "action": "redact", "pattern": r"[a-z]+@[a-z.]+", "replacement": r"<\0>"},
            signals=("traces", "logs", "metrics"),
        ),
    )
    request = spans("GET a@b.example", token="t-1", SECRET_x="s", other="me@x.example, you@y.example")
    request.resource_spans[0].scope_spans[0].spans[0].status.message = "no a@b.example"
    insert(ruled, Signal.TRACES, "1", request)
    query = "SELECT SpanName, StatusMessage, SpanAttributes, `Events.Attributes` FROM otel_traces"
    assert rows(ruled, query) == [
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
    insert(ruled, Signal.LOGS, "2", logs)
    assert rows(ruled, "SELECT Body, LogAttributes FROM otel_logs") == [
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
    insert(ruled, Signal.METRICS, "3", metrics)
    assert rows(ruled, "SELECT Attributes, `Exemplars.FilteredAttributes` FROM otel_metrics_gauge") == [
        ({"host": "h", "token": "[redacted]"}, [{"token": "[redacted]"}])
    ]


def test_columns_that_repeat_an_attribute_follow_it(ruled: Client) -> None:
    migrate(
        ruled,
        rules=rules(
            {"name": "hosts", "action": "redact", "keys": "host.name", "replacement": "h?"},
            {"name": "legacy", "action": "rename", "keys": {"service.name": "app"}},
        ),
    )
    insert(ruled, Signal.TRACES, "1", spans("a"))
    assert rows(ruled, "SELECT HostName, ServiceName, ResourceAttributes FROM otel_traces") == [
        ("h?", "", {"app": "shop", "host.name": "h?", "user.id": "u-9"})
    ]
    assert rows(ruled, "SELECT DISTINCT HostName FROM otel_spans_1m") == [("h?",)]


def test_hashes_are_keyed_and_salted_and_the_key_is_not_shown(ruled: Client) -> None:
    migrate(
        ruled,
        rules=rules(
            {"name": "h", "action": "hash", "keys": ["user.id", "mail"]},
            {"name": "salted", "action": "hash", "keys": ["b"], "salt": "2026"},
        ),
    )
    insert(ruled, Signal.TRACES, "1", spans("x", mail="u-9", b="u-9"))
    ((resource, own),) = rows(ruled, "SELECT ResourceAttributes, SpanAttributes FROM otel_traces")

    def expected(salt: str) -> str:
        return hmac.new(KEY.encode(), f"{salt}\0u-9".encode(), hashlib.sha256).hexdigest()[:32]

    assert resource["user.id"] == own["mail"] == expected("")
    assert own["b"] == expected("2026")
    for query in (
        "SELECT create_table_query FROM system.tables WHERE name = 'otlp_traces_to_spans'",
        "SHOW CREATE TABLE otlp_traces_to_spans",
        "SELECT toString(tuple(*)) FROM rootspan_rules",
    ):
        assert KEY not in str(rows(ruled, query))


def test_the_rule_of_the_docs_gives_requests_of_sglang_one_name(ruled: Client) -> None:
    text = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text()
    written = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    migrate(ruled, rules=RuleSet.model_validate(written))
    names = ("Req 1a2b3c4d", "Req 0f9e8d7c6b5a", "prefill_forward", "Req other")
    insert(ruled, Signal.TRACES, "1", spans(*names, rid="1a2b3c4d"))
    counted = "SELECT SpanName, count(), any(SpanAttributes['rid']) FROM otel_traces GROUP BY SpanName"
    assert sorted(rows(ruled, counted)) == [
        ("Req", 2, "1a2b3c4d"),
        ("Req other", 1, "1a2b3c4d"),
        ("prefill_forward", 1, "1a2b3c4d"),
    ]


def test_attributes_are_removed_and_renamed_and_maps_stay_sorted(ruled: Client) -> None:
    migrate(
        ruled,
        rules=rules(
            {"name": "r", "action": "remove", "keys_match": "^tmp[.]", "keys": ["x"]},
            {"name": "n", "action": "rename", "keys": {"http.status_code": "a.status", "old": "taken"}},
        ),
    )
    insert(
        ruled,
        Signal.TRACES,
        "1",
        spans("s", tmp__a="1", x="1", y="2", http__status_code="200", old="o", taken="t"),
    )
    ((own, sorted_too),) = rows(
        ruled, "SELECT SpanAttributes, mapSort(SpanAttributes) = SpanAttributes FROM otel_traces"
    )
    assert own == {"a.status": "200", "old": "o", "taken": "t", "y": "2"}
    assert sorted_too


def test_rules_select_by_tenant_service_name_and_attributes(ruled: Client) -> None:
    redact = {"action": "redact", "pattern": "v", "within": ["attributes"]}
    migrate(
        ruled,
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
    insert(ruled, Signal.TRACES, "1", spans("tenant", k="v"), tenant="ads")
    for place, (name, attributes) in enumerate(
        [
            ("by-name", {"k": "v"}),
            ("by-pattern", {"k": "v"}),
            ("attr", {"k": "v", "k2": ""}),
            ("res", {"k3": "v"}),
            ("none", {"k": "v"}),
        ]
    ):
        insert(ruled, Signal.TRACES, f"i{place}", spans(name, **attributes))
    found = dict(
        rows(ruled, "SELECT SpanName, arrayStringConcat(mapValues(SpanAttributes)) FROM otel_traces")
    )
    assert found == {"tenant": "T", "by-name": "N", "by-pattern": "M", "attr": "A", "res": "R", "none": "v"}


def test_what_is_dropped_is_counted_by_rule_and_the_balance_holds(ruled: Client) -> None:
    migrate(
        ruled,
        rules=rules(
            {"name": "health", "action": "drop", "when": {"name_matches": "^/health"}, "signals": ["traces"]},
            {"name": "noise", "action": "drop", "when": {"name": "noise"}, "signals": ["traces", "metrics"]},
        ),
    )
    for _ in range(2):  # repeated, as after an answer that was lost
        insert(ruled, Signal.TRACES, "1", spans("/healthz", "GET /", "noise", "noise", traces=5))
    metrics = ExportMetricsServiceRequest()
    scope = metrics.resource_metrics.add().scope_metrics.add()
    for name in ("noise", "kept"):
        scope.metrics.add(name=name).sum.data_points.add(time_unix_nano=NOW, as_int=1)
    insert(ruled, Signal.METRICS, "2", metrics)
    counted = "SELECT Signal, Rule, sum(Items) FROM rootspan_dropped GROUP BY ALL ORDER BY ALL"
    assert rows(ruled, counted) == [
        ("metrics", "noise", 1),
        ("traces", "health", 5),
        ("traces", "noise", 10),
    ]
    found = balance(ruled)
    assert (found.by_signal["traces"].stored, found.by_signal["traces"].dropped) == (5, 15)
    assert (found.by_signal["metrics"].stored, found.by_signal["metrics"].dropped) == (1, 1)
    migrate(ruled, rules=RuleSet())
    insert(ruled, Signal.TRACES, "3", spans("/healthz"))
    assert balance(ruled).by_signal["traces"].dropped == 15
    assert rows(ruled, "SELECT count() FROM otel_traces WHERE SpanName = '/healthz'") == [(1,)]
    assert not [name for name, *_ in texts_of_views(ruled) if name.startswith("rootspan_dropped")]


def test_a_share_of_whole_traces_is_kept_and_weighted(ruled: Client) -> None:
    migrate(
        ruled,
        rules=rules(
            {"name": "busy", "action": "sample", "ratio": 0.25, "when": {"name_matches": "^busy"}},
            {"name": "rest", "action": "sample", "ratio": 0.5},
        ),
    )
    traces = 4000
    insert(ruled, Signal.TRACES, "1", spans("busy", "busy2", "quiet", traces=traces))
    query = "SELECT SpanName, count(), sum(Weight) FROM otel_traces GROUP BY SpanName"
    kept = {name: (count, weight) for name, count, weight in rows(ruled, query)}
    # Ids and hash are fixed, so these are too: within four standard deviations of the ratio.
    assert kept["busy"] == kept["busy2"]
    assert abs(kept["busy"][0] - 1000) < 4 * 28
    assert abs(kept["quiet"][0] - 2000) < 4 * 32
    assert kept["busy"][1] == 4 * kept["busy"][0]
    assert kept["quiet"][1] == 2 * kept["quiet"][0]
    # Who is in the smaller share is in the larger one: traces stay whole as far as can be.
    assert rows(
        ruled,
        "SELECT count() FROM (SELECT TraceId FROM otel_traces GROUP BY TraceId "
        "HAVING countIf(SpanName = 'busy') > 0 AND countIf(SpanName = 'quiet') = 0)",
    ) == [(0,)]
    found = balance(ruled).by_signal["traces"]
    assert found.stored + found.dropped == 3 * traces

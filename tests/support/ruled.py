"""What the tests of rules share: rules, spans that they are about, and a schema that is under them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.rules import RuleSet, landing_views
from rootspan_store.schema import load_migrations

__all__ = ["KEY", "NOW", "TOUCHED", "VIEWS", "insert", "pairs", "rows", "rules", "spans", "texts_of_views"]

KEY = "a key that nobody knows"
NOW = 1_700_000_000_000_000_000
VIEWS = landing_views(statement for one in load_migrations() for statement in one.statements)


def rules(*given: dict[str, Any], signals: Sequence[str] = ("traces",)) -> RuleSet:
    """Rules for spans alone, unless they say otherwise: a landing view takes half a second to change."""
    return RuleSet.model_validate({"rules": [{"signals": signals, **one} for one in given], "rules_key": KEY})


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


TOUCHED = (
    "otel_traces", "otel_logs", "otel_metrics_gauge", "otel_metrics_sum", "otel_spans_1m", "rootspan_stored",
    "rootspan_dropped",
)  # fmt: skip


def texts_of_views(client: Client) -> list[tuple[Any, ...]]:
    return rows(
        client,
        "SELECT name, as_select, metadata_modification_time FROM system.tables "
        "WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY name",
    )

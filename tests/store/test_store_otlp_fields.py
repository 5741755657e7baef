"""Every field of an OTLP message is found again in its table: parsed and exploded by the engine itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from rootspan_store.client import StoreUrl, connect
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.schema import migrate
from support.processes import StoreProcess

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from google.protobuf.message import Message

NOW = 1_700_000_000_000_000_001
TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    store = StoreProcess(tmp_path_factory.mktemp("fields"))
    with store.running():
        connection = connect(StoreUrl.parse(store.url))
        migrate(connection)
        yield connection
        connection.close()


def insert(client: Client, signal: Signal, token: str, *requests: Message) -> None:
    payloads = [request.SerializeToString() for request in requests]
    body = b"".join(frame_prefix(len(payload)) + payload for payload in payloads)
    client.raw_insert(
        landing_table(signal), insert_block=body, settings=insert_settings(signal, token), fmt="Protobuf"
    )


def rows(client: Client, table: str, where: str = "1") -> list[dict[str, Any]]:
    return list(client.query(f"SELECT * FROM {table} WHERE {where}").named_results())


def text(value: str) -> AnyValue:
    return AnyValue(string_value=value)


def pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=text(value))


ANY_VALUES = {
    "string": (text('a "quoted" ✓'), 'a "quoted" ✓'),
    "empty": (text(""), ""),
    "zero": (AnyValue(int_value=0), "0"),
    "negative": (AnyValue(int_value=-(2**63)), str(-(2**63))),
    "double": (AnyValue(double_value=0.1), "0.1"),
    "false": (AnyValue(bool_value=False), "false"),
    "true": (AnyValue(bool_value=True), "true"),
    "bytes": (AnyValue(bytes_value=b"\x00\x01"), "AAE="),
    "unset": (AnyValue(), ""),
    "array": (
        AnyValue(
            array_value=ArrayValue(
                values=[
                    text('q"'),
                    AnyValue(int_value=1),
                    AnyValue(bool_value=True),
                    AnyValue(double_value=2.5),
                ]
            )
        ),
        '["q\\"",1,true,2.5]',
    ),
    "empty_array": (AnyValue(array_value=ArrayValue()), "[]"),
    "pairs": (
        AnyValue(
            kvlist_value=KeyValueList(values=[pair("a", "b"), KeyValue(key="n", value=AnyValue(int_value=2))])
        ),
        '{"a":"b","n":2}',
    ),
    "empty_pairs": (AnyValue(kvlist_value=KeyValueList()), "{}"),
    "nested": (
        AnyValue(
            array_value=ArrayValue(
                values=[AnyValue(), AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)]))]
            )
        ),
        # Beyond one level: base64 of the inner list's bytes, an item of two that hold the number 1.
        '[null,"CgIYAQ=="]',
    ),
    "bare_pairs": (
        AnyValue(
            kvlist_value=KeyValueList(values=[KeyValue(value=text("no key")), KeyValue(key="no value")])
        ),
        '{"":"no key","no value":null}',
    ),
}
# A string's length is on the wire in one byte up to 127, in two up to 16,383, and so on.
TEXT_SIZES = (1, 9, 10, 126, 127, 128, 129, 252, 253, 254, 255, 256, 16_383, 16_384, 70_000)
WHOLE_NUMBERS = tuple(
    sign * (1 << bits) + step
    for bits in (0, 6, 7, 8, 14, 31, 55, 56, 57, 62)
    for sign in (1, -1)
    for step in (-1, 0)
)


def span_request() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add(schema_url="resource-schema")
    for key, value in {
        "service.name": "ranker",
        "host.name": "gpu-1",
        "cloud.region": "us-east",
        "cloud.availability_zone": "us-east-1a",
        "service.version": "1.2",
        "gpu.index": "3",
        "training.job.id": "job-7",
        "host.rack": "r1",
        "network.switch": "sw1",
    }.items():
        resource.resource.attributes.append(pair(key, value))
    resource.resource.attributes.add(key="rootspan.sampling.ratio", value=AnyValue(double_value=0.25))
    scope = resource.scope_spans.add(schema_url="scope-schema")
    scope.scope.name, scope.scope.version = "lib", "2.0"
    scope.scope.attributes.append(pair("scope.key", "scope value"))
    span = scope.spans.add(
        trace_id=TRACE,
        span_id=SPAN,
        parent_span_id=PARENT,
        trace_state="k=v",
        name="Rank",
        kind=2,
        start_time_unix_nano=NOW,
        end_time_unix_nano=NOW + 1_234_567,
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        flags=0x101,
    )
    span.status.code, span.status.message = 2, "it broke"
    for key, (value, _) in ANY_VALUES.items():
        span.attributes.add(key=key, value=value)
    event = span.events.add(time_unix_nano=NOW + 5, name="exception")
    event.attributes.append(pair("exception.type", "ValueError"))
    link = span.links.add(trace_id=TRACE[::-1], span_id=PARENT, trace_state="l=1")
    link.attributes.append(pair("link.key", "link value"))
    scope.spans.add(trace_id=TRACE, span_id=PARENT, name="open", start_time_unix_nano=NOW)
    return request


def test_texts_and_numbers_of_every_size_on_the_wire_are_read(client: Client) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="sizes", start_time_unix_nano=NOW)
    wanted = {f"text {size}": "x" * (size - 1) + "y" for size in TEXT_SIZES}
    for key, value in wanted.items():
        span.attributes.add(key=key, value=text(value))
    numbers = {f"number {number}": number for number in (*WHOLE_NUMBERS, 2**63 - 1, -(2**63))}
    for key, number in numbers.items():
        span.attributes.add(key=key, value=AnyValue(int_value=number))
    listed = [size for size in TEXT_SIZES if size < 20_000]  # a list of more than 64 KiB stays base64
    sizes = [AnyValue(string_value="z" * size) for size in listed]
    long_list = [AnyValue(int_value=number) for number in range(3000)]
    span.attributes.add(key="sizes", value=AnyValue(array_value=ArrayValue(values=sizes)))
    span.attributes.add(key="long", value=AnyValue(array_value=ArrayValue(values=long_list)))
    insert(client, Signal.TRACES, "sizes", request)

    (row,) = rows(client, "otel_traces", "SpanName = 'sizes'")

    found = row["SpanAttributes"]
    assert {key: found[key] for key in wanted} == wanted
    assert {key: found[key] for key in numbers} == {key: str(number) for key, number in numbers.items()}
    assert json.loads(found["sizes"]) == ["z" * size for size in listed]
    assert json.loads(found["long"]) == list(range(3000))


def test_every_field_of_a_span_reaches_its_row(client: Client) -> None:
    insert(client, Signal.TRACES, "span-fields", span_request())
    (row,) = rows(client, "otel_traces", "SpanName = 'Rank'")
    assert row["TraceId"] == TRACE.hex()
    assert (row["SpanId"], row["ParentSpanId"]) == (SPAN.hex(), PARENT.hex())
    assert (row["TraceState"], row["SpanKind"], row["Duration"]) == ("k=v", "Server", 1_234_567)
    assert (
        client.command("SELECT toUnixTimestamp64Nano(Timestamp) FROM otel_traces WHERE SpanName = 'Rank'")
        == NOW
    )
    assert (row["ServiceName"], row["HostName"], row["Region"]) == ("ranker", "gpu-1", "us-east")
    assert (row["Zone"], row["ServiceVersion"], row["Gpu"], row["JobId"]) == (
        "us-east-1a",
        "1.2",
        "3",
        "job-7",
    )
    assert row["Weight"] == pytest.approx(4)
    assert (row["ScopeName"], row["ScopeVersion"]) == ("lib", "2.0")
    assert row["ScopeAttributes"] == {"scope.key": "scope value"}
    assert (row["ResourceSchemaUrl"], row["ScopeSchemaUrl"]) == ("resource-schema", "scope-schema")
    assert (row["StatusCode"], row["StatusMessage"]) == ("Error", "it broke")
    assert (row["Flags"], row["DroppedAttributes"], row["DroppedEvents"], row["DroppedLinks"]) == (
        0x101,
        1,
        2,
        3,
    )
    assert row["Events.Name"] == ["exception"]
    assert row["Events.Attributes"] == [{"exception.type": "ValueError"}]
    assert row["Links.TraceId"] == [TRACE[::-1].hex()]
    assert (row["Links.SpanId"], row["Links.TraceState"]) == ([PARENT.hex()], ["l=1"])
    assert row["Links.Attributes"] == [{"link.key": "link value"}]
    assert row["Unfinished"] is False


def test_every_kind_of_attribute_value_is_kept_as_text(client: Client) -> None:
    insert(client, Signal.TRACES, "span-fields", span_request())
    (row,) = rows(client, "otel_traces", "SpanName = 'Rank'")
    assert row["SpanAttributes"] == {key: expected for key, (_, expected) in ANY_VALUES.items()}
    assert list(row["SpanAttributes"]) == sorted(ANY_VALUES)


def test_what_is_nested_deeper_than_one_level_is_kept_as_its_bytes(client: Client) -> None:
    deep = AnyValue(array_value=ArrayValue(values=[text("deep")]))
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="nested", start_time_unix_nano=NOW)
    span.attributes.add(key="k", value=AnyValue(array_value=ArrayValue(values=[deep])))
    insert(client, Signal.TRACES, "span-nested", request)
    (row,) = rows(client, "otel_traces", "SpanName = 'nested'")
    assert row["SpanAttributes"] == {"k": '["CgYKBGRlZXA="]'}


def test_a_span_without_an_end_is_told_from_one_that_took_no_time(client: Client) -> None:
    insert(client, Signal.TRACES, "span-fields", span_request())
    (row,) = rows(client, "otel_traces", "SpanName = 'open'")
    assert (row["Unfinished"], row["Duration"]) == (True, 0)


def test_a_repeated_token_adds_nothing_to_any_table(client: Client) -> None:
    insert(client, Signal.TRACES, "span-fields", span_request())
    tables = ("otel_traces", "otel_traces_trace_id_ts", "otel_instances")
    sums = (
        "SELECT sum(Spans) FROM otel_spans_1m",
        "SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'traces'",
    )
    counts = [f"SELECT count() FROM {table}" for table in tables]
    before = [client.command(query) for query in (*counts, *sums)]
    insert(client, Signal.TRACES, "span-fields", span_request())
    assert [client.command(query) for query in (*counts, *sums)] == before


def test_rollups_count_and_weigh_each_span(client: Client) -> None:
    insert(client, Signal.TRACES, "span-fields", span_request())
    (row,) = rows(client, "otel_spans_1m FINAL", "SpanName = 'Rank'")
    assert (row["Spans"], row["WeightedSpans"], row["Errors"]) == (1, pytest.approx(4), 1)
    assert (row["DurationSum"], row["DurationMax"]) == (1_234_567, 1_234_567)
    ((bucket, spans),) = row["DurationHistogram"].items()
    assert spans == 1
    assert 2 ** (bucket / 8) <= 1_234_567 < 2 ** ((bucket + 1) / 8)
    (instance,) = rows(client, "otel_instances FINAL", "ServiceName = 'ranker'")
    assert (instance["Rack"], instance["Switch"], instance["Gpu"]) == ("r1", "sw1", "3")


def test_every_field_of_a_log_record_reaches_its_row(client: Client) -> None:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add(schema_url="resource-schema")
    resource.resource.attributes.extend([pair("service.name", "ranker"), pair("host.name", "gpu-1")])
    scope = resource.scope_logs.add(schema_url="scope-schema")
    scope.scope.name, scope.scope.version = "app", "3"
    scope.scope.attributes.append(pair("scope.key", "v"))
    record = scope.log_records.add(
        time_unix_nano=NOW,
        observed_time_unix_nano=NOW + 9,
        severity_number=17,
        severity_text="ERR",
        body=text("disk <full>"),
        dropped_attributes_count=4,
        flags=1,
        trace_id=TRACE,
        span_id=SPAN,
        event_name="disk.full",
    )
    record.attributes.append(pair("code", "28"))
    scope.log_records.add(observed_time_unix_nano=NOW, severity_text="Warning", body=ANY_VALUES["pairs"][0])
    insert(client, Signal.LOGS, "log-fields", request)
    error, warning = sorted(rows(client, "otel_logs"), key=lambda row: str(row["Severity"]))
    assert (error["TraceId"], error["SpanId"], error["TraceFlags"]) == (TRACE.hex(), SPAN.hex(), 1)
    assert (error["SeverityText"], error["SeverityNumber"], error["Severity"]) == ("ERR", 17, "ERROR")
    assert (error["Body"], error["EventName"]) == ("disk <full>", "disk.full")
    assert (error["ServiceName"], error["HostName"]) == ("ranker", "gpu-1")
    assert (error["ScopeName"], error["ScopeVersion"], error["ScopeAttributes"]) == (
        "app",
        "3",
        {"scope.key": "v"},
    )
    assert (error["ResourceSchemaUrl"], error["ScopeSchemaUrl"]) == ("resource-schema", "scope-schema")
    assert (error["LogAttributes"], error["DroppedAttributes"]) == ({"code": "28"}, 4)
    assert (warning["Severity"], warning["Body"]) == ("WARN", ANY_VALUES["pairs"][1])
    times = "SELECT toUnixTimestamp64Nano(Timestamp), toUnixTimestamp64Nano(ObservedTimestamp) FROM otel_logs"
    assert client.query(f"{times} ORDER BY Severity").result_rows == [(NOW, NOW + 9), (NOW, NOW)]
    counted = client.query("SELECT Severity, sum(Logs) FROM otel_logs_1m GROUP BY 1 ORDER BY 1").result_rows
    assert counted == [("ERROR", 1), ("WARN", 1)]


def metrics_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(
        [pair("service.name", "node"), pair("host.name", "gpu-1"), pair("gpu.index", "0")]
    )
    scope = resource.scope_metrics.add()
    scope.scope.name = "nvml"
    gauge = scope.metrics.add(name="hw.temperature", description="how hot", unit="Cel")
    gauge.metadata.append(pair("meta", "data"))
    point = gauge.gauge.data_points.add(time_unix_nano=NOW, start_time_unix_nano=NOW - 5, as_int=71, flags=1)
    point.attributes.append(pair("gpu.index", "2"))
    exemplar = point.exemplars.add(time_unix_nano=NOW, as_double=1.5, trace_id=TRACE, span_id=SPAN)
    exemplar.filtered_attributes.append(pair("f", "g"))
    total = scope.metrics.add(name="requests")
    total.sum.aggregation_temporality, total.sum.is_monotonic = 2, True
    total.sum.data_points.add(time_unix_nano=NOW, as_double=1.5)
    histogram = scope.metrics.add(name="latency")
    histogram.histogram.aggregation_temporality = 1
    histogram.histogram.data_points.add(
        time_unix_nano=NOW, count=3, sum=4.5, bucket_counts=[1, 2], explicit_bounds=[0.5], min=0.1, max=9
    )
    exponential = scope.metrics.add(name="sizes")
    exponential.exponential_histogram.aggregation_temporality = 2
    buckets = exponential.exponential_histogram.data_points.add(
        time_unix_nano=NOW, count=7, sum=4.5, scale=-2, zero_count=1, zero_threshold=0.5, min=1, max=2
    )
    buckets.positive.offset, buckets.negative.offset = -3, 4
    buckets.positive.bucket_counts.extend([1, 2])
    buckets.negative.bucket_counts.extend([3])
    summary = scope.metrics.add(name="quantiles")
    quantiles = summary.summary.data_points.add(time_unix_nano=NOW, count=3, sum=4.5)
    quantiles.quantile_values.add(quantile=0.5, value=2)
    return request


def test_every_field_of_each_metric_kind_reaches_its_row(client: Client) -> None:
    insert(client, Signal.METRICS, "metric-fields", metrics_request())
    kinds = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    gauge, total, histogram, exponential, summary = (
        rows(client, f"otel_metrics_{kind}")[0] for kind in kinds
    )
    for row in (gauge, total, histogram, exponential, summary):
        assert (row["ServiceName"], row["HostName"], row["ScopeName"]) == ("node", "gpu-1", "nvml")
    assert (gauge["MetricName"], gauge["MetricUnit"]) == ("hw.temperature", "Cel")
    assert (gauge["MetricDescription"], gauge["MetricMetadata"]) == ("how hot", {"meta": "data"})
    assert (gauge["Value"], gauge["Flags"], gauge["Attributes"]) == (71.0, 1, {"gpu.index": "2"})
    assert (gauge["Exemplars.Value"], gauge["Exemplars.TraceId"]) == ([1.5], [TRACE.hex()])
    assert (gauge["Exemplars.SpanId"], gauge["Exemplars.FilteredAttributes"]) == ([SPAN.hex()], [{"f": "g"}])
    assert (total["Value"], total["AggregationTemporality"], total["IsMonotonic"]) == (1.5, 2, True)
    assert (histogram["Count"], histogram["Sum"], histogram["BucketCounts"]) == (3, 4.5, [1, 2])
    assert (histogram["ExplicitBounds"], histogram["Min"], histogram["Max"]) == ([0.5], 0.1, 9.0)
    assert histogram["AggregationTemporality"] == 1
    assert (exponential["Scale"], exponential["ZeroCount"], exponential["ZeroThreshold"]) == (-2, 1, 0.5)
    assert (exponential["PositiveOffset"], exponential["PositiveBucketCounts"]) == (-3, [1, 2])
    assert (exponential["NegativeOffset"], exponential["NegativeBucketCounts"]) == (4, [3])
    assert rows(client, "otel_metrics_exp_histogram")[0]["Count"] == 7
    assert (summary["ValueAtQuantiles.Quantile"], summary["ValueAtQuantiles.Value"]) == ([0.5], [2.0])
    (rolled,) = rows(client, "otel_gauges_1m FINAL")
    assert (rolled["MetricName"], rolled["Gpu"], rolled["Points"], rolled["ValueMax"]) == (
        "hw.temperature",
        "2",
        1,
        71,
    )
    stored = client.command("SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'metrics'")
    assert stored == 5

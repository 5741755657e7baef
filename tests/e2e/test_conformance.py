"""Senders that we did not write, over gRPC and HTTP: every field is found again in the database.

OpenTelemetry's SDK for Python always; the same by way of Rotel, a collector that forwards, if it is there
(pip install rotel); the SDK for Node.js if it is there (npm install --no-package-lock --prefix
tests/e2e/node).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from bench.ingest_peer import RotelProcess
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from support import otlp_requests as otlp
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
NODE = Path(__file__).parent / "node"
START = 1_800_000_000_000_000_001
LINKED = SpanContext(
    0x0AF7651916CD43DD8448EB211C80319C,
    0xB7AD6B7169203331,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("vendor", "x")]),
)


class Place:
    """A collector and its store."""

    def __init__(self, folder: Path) -> None:
        self.store = StoreProcess(folder)
        self.collector = CollectorProcess(folder, self.store.url, ["--wal-segment-age-s", "0.05"])

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.collector.http_port}"

    def row(self, table: str, where: str) -> dict[str, Any]:
        """The one row that the condition finds, once it is stored."""
        sql = f"SELECT * FROM {table} WHERE {where} FORMAT JSONEachRow"
        wait_until(lambda: bool(self.store.query(sql)), timeout_s=60, what=f"{table} has a row: {where}")
        (line,) = self.store.query(sql).splitlines()
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("conformance"))
    with made.store.running(), made.collector.running():
        with made.collector.channel() as channel:
            channel.unary_unary(EXPORT)(otlp.traces(1).SerializeToString(), timeout=30)
        made.collector.wait_drained()  # from now on there are tables to ask
        yield made


ROADS = ["grpc", "http", "grpc-rotel-grpc", "http-rotel-http"]
"""How a request travels: the sender's protocol, and by way of whom."""


class Road:
    """Where the SDK sends to, and by which protocol."""

    def __init__(self, name: str, grpc: str, http: str) -> None:
        self.name = name
        self.protocol = name.partition("-")[0]
        self.grpc = f"http://{grpc}"
        self.http = f"http://{http}"


@pytest.fixture(scope="module")
def road_of(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Road]]:
    with ExitStack() as running:

        def make(name: str) -> Road:
            if "rotel" not in name:
                return Road(name, place.collector.address, place.http)
            if util.find_spec("rotel") is None:
                pytest.skip("Rotel is not installed: pip install rotel")
            leaving = name.rpartition("-")[2]
            endpoint = place.collector.address if leaving == "grpc" else place.http
            rotel = RotelProcess(
                tmp_path_factory.mktemp("rotel"),
                [
                    *("--exporter", "otlp", "--otlp-exporter-protocol", leaving),
                    *("--otlp-exporter-endpoint", f"http://{endpoint}"),
                ],
            )
            running.enter_context(rotel.running())
            return Road(name, rotel.address, f"127.0.0.1:{rotel.http_port}")

        made: dict[str, Road] = {}
        yield lambda name: made.get(name) or made.setdefault(name, make(name))


def _resource(name: str) -> Resource:
    return Resource(
        {"service.name": f"python-{name}", "host.name": "here", "many": ["a", "b"]}, "https://r/1"
    )


@pytest.mark.parametrize("name", ROADS)
def test_every_field_of_the_python_sdks_spans(
    place: Place, road_of: Callable[[str], Road], name: str
) -> None:
    road = road_of(name)
    exporter = {
        "grpc": lambda: grpc_traces.OTLPSpanExporter(road.grpc, insecure=True),
        "http": lambda: http_traces.OTLPSpanExporter(f"{road.http}/v1/traces", compression=Compression.Gzip),
    }[road.protocol]()
    provider = TracerProvider(resource=_resource(name), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("scope", "1.2.3", "https://s/1", {"scope.key": "scope value"})
    remote = SpanContext(
        LINKED.trace_id + 1, LINKED.span_id + 1, True, TraceFlags(1), TraceState([("vendor", "y")])
    )
    span = tracer.start_span(
        "child",
        context=trace.set_span_in_context(trace.NonRecordingSpan(remote)),
        kind=SpanKind.SERVER,
        attributes={"text": 'a "quoted" ✓', "whole": -42, "broken": 0.25, "yes": True, "numbers": [1, 2]},
        links=[Link(LINKED, {"why": "batch"})],
        start_time=START,
    )
    span.add_event("cache.miss", {"key": "k1"}, timestamp=START + 500)
    span.set_status(Status(StatusCode.ERROR, "out of memory"))
    span.end(START + 1_000_000)
    context = span.get_span_context()
    provider.shutdown()
    row = place.row("otel_traces", f"SpanId = '{context.span_id:016x}'")
    assert row["Timestamp"] == "2027-01-15 08:00:00.000000001"
    assert row["Duration"] == 1_000_000
    assert (row["TraceId"], row["ParentSpanId"]) == (f"{remote.trace_id:032x}", f"{remote.span_id:016x}")
    assert (row["SpanName"], row["SpanKind"], row["TraceState"]) == ("child", "Server", "vendor=y")
    assert (row["StatusCode"], row["StatusMessage"]) == ("Error", "out of memory")
    assert (row["ServiceName"], row["HostName"]) == (f"python-{name}", "here")
    assert (row["ScopeName"], row["ScopeVersion"]) == ("scope", "1.2.3")
    assert row["ScopeAttributes"] == {"scope.key": "scope value"}
    assert (row["ResourceSchemaUrl"], row["ScopeSchemaUrl"]) == ("https://r/1", "https://s/1")
    assert (
        row["ResourceAttributes"].items() >= {"service.name": f"python-{name}", "many": '["a","b"]'}.items()
    )
    assert row["SpanAttributes"] == {
        "text": 'a "quoted" ✓',
        "whole": "-42",
        "broken": "0.25",
        "yes": "true",
        "numbers": "[1,2]",
    }
    assert row["Events.Name"] == ["cache.miss"]
    assert row["Events.Timestamp"] == ["2027-01-15 08:00:00.000000501"]
    assert row["Events.Attributes"] == [{"key": "k1"}]
    assert row["Links.TraceId"] == [f"{LINKED.trace_id:032x}"]
    assert row["Links.SpanId"] == [f"{LINKED.span_id:016x}"]
    assert row["Links.Attributes"] == [{"why": "batch"}]
    assert row["Flags"] == 0x300  # the parent is known to be remote
    assert (row["DroppedAttributes"], row["DroppedEvents"], row["DroppedLinks"]) == (0, 0, 0)


@pytest.mark.parametrize("name", ROADS)
def test_every_field_of_the_python_sdks_logs(place: Place, road_of: Callable[[str], Road], name: str) -> None:
    road = road_of(name)
    exporter = {
        "grpc": lambda: grpc_logs.OTLPLogExporter(road.grpc, insecure=True),
        "http": lambda: http_logs.OTLPLogExporter(f"{road.http}/v1/logs"),
    }[road.protocol]()
    provider = LoggerProvider(_resource(name), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("scope", "1.2.3", "https://s/1", {"scope.key": "scope value"})
    logger.emit(
        LogRecord(
            timestamp=START,
            observed_timestamp=START + 5,
            context=trace.set_span_in_context(trace.NonRecordingSpan(LINKED)),
            severity_text="ERROR",
            severity_number=SeverityNumber.ERROR,
            body={"gpu": 3, "what": "lost"},
            attributes={"code": 7},
            event_name="device.lost",
        )
    )
    provider.shutdown()
    row = place.row("otel_logs", f"ServiceName = 'python-{name}'")
    assert row["Timestamp"] == "2027-01-15 08:00:00.000000001"
    assert row["ObservedTimestamp"] == "2027-01-15 08:00:00.000000006"
    assert (row["TraceId"], row["SpanId"]) == (f"{LINKED.trace_id:032x}", f"{LINKED.span_id:016x}")
    assert row["TraceFlags"] == 1
    assert (row["SeverityText"], row["SeverityNumber"]) == ("ERROR", 17)
    assert json.loads(row["Body"]) == {"gpu": 3, "what": "lost"}
    assert row["LogAttributes"] == {"code": "7"}
    assert row["EventName"] == "device.lost"
    assert (row["ScopeName"], row["ScopeVersion"], row["ScopeSchemaUrl"]) == ("scope", "1.2.3", "https://s/1")
    assert (row["ResourceSchemaUrl"], row["HostName"]) == ("https://r/1", "here")


@pytest.mark.parametrize("name", ROADS)
def test_every_kind_of_the_python_sdks_metrics(
    place: Place, road_of: Callable[[str], Road], name: str
) -> None:
    road = road_of(name)
    exporter = {
        "grpc": lambda: grpc_metrics.OTLPMetricExporter(road.grpc, insecure=True),
        "http": lambda: http_metrics.OTLPMetricExporter(f"{road.http}/v1/metrics"),
    }[road.protocol]()
    provider = MeterProvider(
        [PeriodicExportingMetricReader(exporter, export_interval_millis=600_000)],
        _resource(name),
        views=[View(instrument_name="fine", aggregation=ExponentialBucketHistogramAggregation())],
        shutdown_on_exit=False,
    )
    meter = provider.get_meter("scope", "1.2.3", "https://s/1", {"scope.key": "scope value"})
    meter.create_counter("requests", "1", "how many").add(5, {"route": "/a"})
    meter.create_up_down_counter("queue").add(-3)
    meter.create_gauge("load").set(0.5)
    meter.create_histogram("latency", "ms", explicit_bucket_boundaries_advisory=[1.0, 10.0]).record(3.0)
    meter.create_histogram("fine").record(4.0)
    provider.shutdown()
    ours = f"ServiceName = 'python-{name}'"
    counter = place.row("otel_metrics_sum", f"{ours} AND MetricName = 'requests'")
    assert (counter["Value"], counter["IsMonotonic"], counter["AggregationTemporality"]) == (5, True, 2)
    assert (counter["MetricUnit"], counter["MetricDescription"]) == ("1", "how many")
    assert (counter["Attributes"], counter["ScopeName"]) == ({"route": "/a"}, "scope")
    assert (counter["ScopeAttributes"], counter["ScopeVersion"]) == ({"scope.key": "scope value"}, "1.2.3")
    assert (counter["ScopeSchemaUrl"], counter["ResourceSchemaUrl"]) == ("https://s/1", "https://r/1")
    assert counter["StartTimeUnix"] < counter["TimeUnix"]
    queue = place.row("otel_metrics_sum", f"{ours} AND MetricName = 'queue'")
    assert (queue["Value"], queue["IsMonotonic"]) == (-3, False)
    assert place.row("otel_metrics_gauge", ours)["Value"] == 0.5
    latency = place.row("otel_metrics_histogram", ours)
    assert (latency["Count"], latency["Sum"], latency["Min"], latency["Max"]) == (1, 3, 3, 3)
    assert (latency["BucketCounts"], latency["ExplicitBounds"]) == ([0, 1, 0], [1, 10])
    fine = place.row("otel_metrics_exponential_histogram", ours)
    assert (fine["Count"], fine["Sum"], fine["ZeroCount"], fine["PositiveBucketCounts"]) == (1, 4, 0, [1])


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf", "http/json"])
def test_every_field_of_the_node_sdk(place: Place, protocol: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed (apt-get install nodejs npm)")
    if not (NODE / "node_modules").is_dir():
        pytest.skip("Node's SDK is not installed: npm install --no-package-lock --prefix tests/e2e/node")
    command = [node, "send.mjs", protocol, place.collector.address, place.http]
    ids = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, cwd=NODE).stdout
    )
    row = place.row("otel_traces", f"SpanId = '{ids['child']}'")
    assert row["Timestamp"] == "2027-01-15 08:00:00.000000002"
    assert row["Duration"] == 1_000_000
    assert (row["TraceId"], row["ParentSpanId"]) == (ids["trace"], ids["parent"])
    assert (row["SpanName"], row["SpanKind"]) == ("child", "Server")
    assert (row["StatusCode"], row["StatusMessage"]) == ("Error", "out of memory")
    assert (row["ServiceName"], row["HostName"]) == (f"node-{protocol}", "node-host")
    assert (row["ScopeName"], row["ScopeVersion"]) == ("node-scope", "1.2.3")
    assert row["SpanAttributes"] == {
        "text": 'a "quoted" ✓',
        "whole": "42",
        "broken": "0.25",
        "yes": "true",
        "many": '["a","b"]',
        "numbers": "[1,2]",
    }
    assert (row["Events.Name"], row["Events.Attributes"]) == (["cache.miss"], [{"key": "k1"}])
    assert row["Events.Timestamp"] == ["2027-01-15 08:00:00.000000500"]
    assert row["Links.TraceId"] == [f"{LINKED.trace_id:032x}"]
    assert row["Links.SpanId"] == [f"{LINKED.span_id:016x}"]
    assert row["Links.Attributes"] == [{"why": "batch"}]
    assert place.row("otel_traces", f"SpanId = '{ids['parent']}'")["SpanKind"] == "Client"
    if protocol != "http/json":
        return
    log = place.row("otel_logs", f"ServiceName = 'node-{protocol}'")
    assert (log["Body"], log["SeverityNumber"], log["SeverityText"]) == ("it broke", 17, "ERROR")
    assert (log["TraceId"], log["SpanId"]) == (ids["trace"], ids["child"])
    assert (log["LogAttributes"], log["Timestamp"]) == ({"code": "7"}, "2027-01-15 08:00:00.000000007")
    ours = f"ServiceName = 'node-{protocol}'"
    counter = place.row("otel_metrics_sum", ours)
    assert (counter["MetricName"], counter["Value"], counter["IsMonotonic"]) == ("requests", 5, True)
    assert (counter["MetricUnit"], counter["Attributes"]) == ("1", {"route": "/a"})
    latency = place.row("otel_metrics_histogram", ours)
    assert (latency["Count"], latency["Sum"], latency["BucketCounts"]) == (1, 3, [0, 1, 0])
    assert place.row("otel_metrics_gauge", ours)["Value"] == 0.5

"""What the dashboard's tests look at: a simulated fleet with a planted fault, a hostile trace and a huge one.

All of it goes through the real collector into the real store.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from rootspan_cli.processes.ports import free_port
from rootspan_demo import FleetConfig, OtlpRequest, SendSettings, build_case, send, simulate
from support.processes import CollectorProcess, Process, StoreProcess

NS_PER_S = 1_000_000_000
HOSTILE = {
    "service": "'; DROP TABLE otel_traces; -- {x:String} %s \\",
    "host": '<img src=x onerror="window.__pwned=1">',
    "region": "<b>region</b>",
    "operation": "<script>window.__pwned=1</script>",
    "markdown": "**bold** $x^2$ :material/home: :red[red] [link](javascript:alert(1))",
    "bidi": "abc\u202egpj.exe\x07",
}
HOSTILE_TRACE = "ab" * 16
HUGE_TRACE = "cd" * 16
HUGE_SPANS = 10_000
COUNTED_NS = 60 * NS_PER_S
JOB, RANKS, STEPS, SLOW_RANK = "job <b>1</b>", 4, 30, 2
STEP_NS, FORWARD_NS, SLOWER_NS = 1_000_000_000, 300_000_000, 240_000_000
BATCH_TRACE = "ba" * 16
SKEWED_TRACE, AHEAD_MS = "5c" * 16, 40
REQUEST_TRACES = ("e0" * 16, "e1" * 16)


class DashboardProcess(Process):
    """`python -m rootspan_dashboard`."""

    def __init__(self, folder: Path, store_url: str, environment: Mapping[str, str] = {}) -> None:
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        arguments = ["-m", "rootspan_dashboard", "--store", store_url, "--port", str(self.port)]
        super().__init__("dashboard", arguments, folder / "dashboard.log", environment)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def is_ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/_stcore/health")
                return connection.getresponse().status == 200
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return False


@dataclass(frozen=True, slots=True)
class Stage:
    """The running parts, and what was planted.

    Attributes:
        from_ns, to_ns: Whole minutes that the recording fills.
        fault_from_ns: When the planted host became slow.
    """

    store: StoreProcess
    dashboard: DashboardProcess
    suspect: str
    from_ns: int
    to_ns: int
    fault_from_ns: int
    hostile_ns: int

    @property
    def job_from_ns(self) -> int:
        """When the training job began."""
        return self.hostile_ns + 3600 * NS_PER_S


def fill(collector: CollectorProcess, store: StoreProcess) -> tuple[str, int, int, int, int]:
    """Send everything; returns the suspect, the whole minutes, the onset and the hostile trace's time."""
    end_ns = time.time_ns() - 5 * NS_PER_S
    config = FleetConfig(end_unix_ns=end_ns, hosts=20, minutes=24, seed=7, fault="slow-gpu", spans=160_000)
    recording = simulate(config)
    incident = build_case(recording)["incidents"][0]  # type: ignore[index]
    hostile_ns = end_ns - 3 * 3600 * NS_PER_S
    requests = [
        *recording.requests(),
        *_hostile(hostile_ns),
        _huge(end_ns - 5 * 3600 * NS_PER_S),
        _batch(end_ns - 4 * 3600 * NS_PER_S),
        _skewed(end_ns - 4 * 3600 * NS_PER_S),
        _metrics(end_ns - 120 * NS_PER_S),
        _training(end_ns - 2 * 3600 * NS_PER_S),
    ]
    report = send(requests, SendSettings(collector.address))
    assert not report.failures
    collector.wait_drained()
    minute = 60 * NS_PER_S
    begin = -(-(end_ns - 12 * minute) // minute) * minute
    onset = int(incident["onset_unix_ns"])
    return incident["truth"]["names"][0], begin, end_ns // minute * minute, onset, hostile_ns


def _resource(spans: ResourceSpans, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        one = spans.resource.attributes.add()
        one.key, one.value.string_value = name, value


def _hostile(at_ns: int) -> list[OtlpRequest]:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _resource(
        resource,
        {
            "service.name": HOSTILE["service"],
            "host.name": HOSTILE["host"],
            "cloud.region": HOSTILE["region"],
            "cloud.availability_zone": HOSTILE["markdown"],
        },
    )
    spans = resource.scope_spans.add().spans
    for number, name in enumerate((HOSTILE["operation"], HOSTILE["markdown"], HOSTILE["bidi"])):
        span = spans.add()
        span.trace_id, span.span_id = bytes.fromhex(HOSTILE_TRACE), bytes([number + 1]) * 8
        span.parent_span_id = bytes([number]) * 8 if number else b""
        span.name, span.kind = name, 2
        span.start_time_unix_nano = at_ns + number * 1_000_000
        span.end_time_unix_nano = at_ns + 10_000_000 - number * 1_000_000
        span.status.code, span.status.message = 2, HOSTILE["host"]
        for key, value in ((HOSTILE["operation"], HOSTILE["host"]), ("note", HOSTILE["markdown"])):
            one = span.attributes.add()
            one.key, one.value.string_value = key, value
        event = span.events.add()
        event.name, event.time_unix_nano = HOSTILE["operation"], at_ns + 2_000_000
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id = bytes.fromhex(HOSTILE_TRACE), bytes([1]) * 8
    record.time_unix_nano, record.severity_number = at_ns + 3_000_000, 17
    record.body.string_value = HOSTILE["operation"]
    return [
        OtlpRequest("traces", request.SerializeToString(), 3),
        OtlpRequest("logs", logs.SerializeToString(), 1),
    ]


def _huge(at_ns: int) -> OtlpRequest:
    """One root with 99 batches of 100 calls each, a second long; the last call of all fails."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _resource(resource, {"service.name": "batcher", "host.name": "b-1"})
    spans = resource.scope_spans.add().spans

    def add(number: int, parent: int, name: str, start: int, length: int) -> None:
        span = spans.add()
        span.trace_id, span.span_id = bytes.fromhex(HUGE_TRACE), number.to_bytes(8, "big")
        span.parent_span_id = parent.to_bytes(8, "big") if parent else b""
        span.name, span.kind = name, 2 if not parent else 1
        span.start_time_unix_nano, span.end_time_unix_nano = at_ns + start, at_ns + start + length
        if number == HUGE_SPANS:
            span.status.code = 2

    add(1, 0, "whole", 0, NS_PER_S)
    number = 1
    for batch in range(99):
        number += 1
        parent, start = number, batch * 10_000_000
        add(parent, 1, f"batch {batch}", start, 10_000_000)
        for call in range(100):
            number += 1
            add(number, parent, f"call {call}", start + call * 100_000, 90_000)
    return OtlpRequest("traces", request.SerializeToString(), len(spans))


def _batch(at_ns: int) -> OtlpRequest:
    """Two requests, each a trace of its own, and the batch that served both and links to them."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _resource(resource, {"service.name": "batcher", "host.name": "b-1"})
    spans = resource.scope_spans.add().spans
    batch = spans.add()
    batch.trace_id, batch.span_id, batch.name, batch.kind = bytes.fromhex(BATCH_TRACE), b"b" * 8, "batch", 1
    batch.start_time_unix_nano, batch.end_time_unix_nano = at_ns + 5_000_000, at_ns + 20_000_000
    for number, trace in enumerate(REQUEST_TRACES):
        span = spans.add()
        span.trace_id, span.span_id, span.name = (
            bytes.fromhex(trace),
            bytes([number + 1]) * 8,
            f"request {number}",
        )
        span.kind, span.start_time_unix_nano, span.end_time_unix_nano = 2, at_ns, at_ns + 21_000_000
        link = batch.links.add()
        link.trace_id, link.span_id = span.trace_id, span.span_id
    return OtlpRequest("traces", request.SerializeToString(), 3)


def _skewed(at_ns: int) -> OtlpRequest:
    """A request of 30 ms whose ranker has a clock that is 40 ms ahead."""
    request = ExportTraceServiceRequest()

    def add(host: str, name: str, *, number: int, kind: int, start_ms: float, length_ms: float) -> None:
        resource = request.resource_spans.add()
        _resource(resource, {"service.name": host.partition("-")[0], "host.name": host})
        span = resource.scope_spans.add().spans.add()
        span.trace_id, span.span_id = bytes.fromhex(SKEWED_TRACE), bytes([number]) * 8
        span.parent_span_id = bytes([number - 1]) * 8 if number > 1 else b""
        span.name, span.kind = name, kind
        span.start_time_unix_nano = at_ns + round(start_ms * 1e6)
        span.end_time_unix_nano = span.start_time_unix_nano + round(length_ms * 1e6)

    add("entry-1", "GET /", number=1, kind=2, start_ms=0, length_ms=30)
    add("entry-1", "Rank", number=2, kind=3, start_ms=2, length_ms=26)
    add("worker-1", "Rank", number=3, kind=2, start_ms=3 + AHEAD_MS, length_ms=24)
    add("worker-1", "forward", number=4, kind=1, start_ms=5 + AHEAD_MS, length_ms=20)
    return OtlpRequest("traces", request.SerializeToString(), 4)


def _metrics(at_ns: int) -> OtlpRequest:
    """A cumulative counter that is reset once, and a histogram of which one exemplar names a trace."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    _resource(resource, {"service.name": HOSTILE["service"], "host.name": "m-1"})
    counter = resource.scope_metrics.add().metrics.add()
    counter.name, counter.unit = "test.requests", "{request}"
    counter.sum.is_monotonic, counter.sum.aggregation_temporality = True, 2
    for number, total in enumerate((100, 160, 220, 30)):  # grew by 60 and 60, began anew and grew by 30
        point = counter.sum.data_points.add()
        point.time_unix_nano, point.as_int = at_ns // COUNTED_NS * COUNTED_NS + number * NS_PER_S, total
    recorded = resource.scope_metrics.add().metrics.add()
    recorded.name, recorded.unit, recorded.histogram.aggregation_temporality = "test.latency", "ms", 1
    spread = recorded.histogram.data_points.add()
    spread.time_unix_nano, spread.count, spread.sum = at_ns, 4, 50.0
    spread.explicit_bounds.extend([10.0])
    spread.bucket_counts.extend([3, 1])
    exemplar = spread.exemplars.add()
    exemplar.time_unix_nano, exemplar.as_double = at_ns, 38.5
    exemplar.trace_id, exemplar.span_id = bytes.fromhex(HOSTILE_TRACE), bytes([1]) * 8
    return OtlpRequest("metrics", request.SerializeToString(), 5)


def _training(at_ns: int) -> OtlpRequest:
    """A data-parallel job of four ranks with steps of a second; one's forward takes 1.8 times."""
    request = ExportTraceServiceRequest()
    count = 0

    def add(spans: Any, name: str, begin: int, length: int, **attributes: str) -> None:
        nonlocal count
        count += 1
        span = spans.add()
        step = int(attributes["training.step"])
        span.trace_id, span.span_id = (step + 1).to_bytes(16, "big"), count.to_bytes(8, "big")
        span.name = name
        span.kind, span.start_time_unix_nano, span.end_time_unix_nano = 1, begin, begin + length
        for key, value in attributes.items():
            one = span.attributes.add()
            one.key, one.value.string_value = key, value

    for rank in range(RANKS):
        resource = request.resource_spans.add()
        _resource(
            resource,
            {
                "service.name": "trainer",
                "host.name": f"node-{rank // 2}",
                "training.job.id": JOB,
                "training.rank": str(rank),
                "training.dp_rank": str(rank),
                "training.world_size": str(RANKS),
            },
        )
        spans = resource.scope_spans.add().spans
        for step in range(STEPS):
            begin, number = at_ns + step * STEP_NS, {"training.step": str(step)}
            loss = {"training.loss": str(5 - step / 10)}
            add(spans, "train.step", begin, STEP_NS, **number, **loss)
            forward = FORWARD_NS + (SLOWER_NS if rank == SLOW_RANK else 0) + step * 1000 + rank * 100
            add(spans, "forward", begin, forward, **number, **{"training.phase": "forward"})
            call = {"op": "all_reduce", "group": "dp", "seq": str(step)}
            told = {"training.phase": "collective"} | {
                f"training.collective.{name}": value for name, value in call.items()
            }
            add(spans, "all_reduce", begin + forward, STEP_NS - forward, **number, **told)
    return OtlpRequest("traces", request.SerializeToString(), count)

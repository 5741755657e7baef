"""SIGKILL in mid-stream: every acknowledged span is there exactly once, in the raw table and in the rollups.

Real processes, the real OpenTelemetry exporter, several senders at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process

_SENDERS = 4
_SPANS_PER_BATCH = 50
_STREAM_S = 2.0


class _Batch(SpanExporter):
    """Keeps finished spans, so that a sender can export them as one request and learn of its fate."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: object) -> SpanExportResult:
        self.spans.extend(spans)  # type: ignore[arg-type]
        return SpanExportResult.SUCCESS


class Sender(threading.Thread):
    """Exports batches until told to stop.

    Remembers the ids of those that were acknowledged, and of the others.
    """

    def __init__(self, number: int, address: str, stop: threading.Event) -> None:
        super().__init__(name=f"sender-{number}")
        self.acknowledged: set[str] = set()
        self.unsure: set[str] = set()
        self._stop_sending = stop
        self._batch = _Batch()
        self._provider = TracerProvider(
            resource=Resource({"service.name": f"sender-{number}", "host.name": "here"})
        )
        self._provider.add_span_processor(SimpleSpanProcessor(self._batch))
        self._exporter = OTLPSpanExporter(endpoint=f"http://{address}", insecure=True, timeout=0.5)

    def run(self) -> None:
        tracer = self._provider.get_tracer("crash-test")
        while not self._stop_sending.is_set():
            self._batch.spans.clear()
            for number in range(_SPANS_PER_BATCH):
                with tracer.start_as_current_span("work", attributes={"number": number}):
                    pass
            result = self._exporter.export(self._batch.spans)
            ids = {format(span.context.span_id, "016x") for span in self._batch.spans}
            (self.acknowledged if result is SpanExportResult.SUCCESS else self.unsure).update(ids)
        self._exporter.shutdown()
        self._provider.shutdown()


class Fleet:
    """Several senders, and what they know together."""

    def __init__(self, address: str) -> None:
        self._stop = threading.Event()
        self.senders = [Sender(number, address, self._stop) for number in range(_SENDERS)]
        for sender in self.senders:
            sender.start()

    def acknowledged(self) -> set[str]:
        return set().union(*(sender.acknowledged for sender in self.senders))

    def unsure(self) -> set[str]:
        return set().union(*(sender.unsure for sender in self.senders))

    def wait_for_more(self) -> None:
        """Return once every sender got an acknowledgement that it did not have before."""
        before = [len(sender.acknowledged) for sender in self.senders]
        wait_until(
            lambda: all(len(s.acknowledged) > n for s, n in zip(self.senders, before, strict=True)),
            timeout_s=30,
            what="every sender is acknowledged again",
        )

    def stop(self) -> None:
        self._stop.set()
        for sender in self.senders:
            sender.join(30)
            assert not sender.is_alive()


@pytest.fixture
def store(tmp_path: Path) -> StoreProcess:
    return StoreProcess(tmp_path)


@pytest.fixture
def collector(tmp_path: Path, store: StoreProcess) -> CollectorProcess:
    # Small segments: many inserts, so that a kill meets one in every stage.
    return CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"])


def _kill_in_mid_stream(
    victim: StoreProcess | CollectorProcess, fleet: Fleet, rest: Callable[[], None]
) -> None:
    fleet.wait_for_more()
    for _ in range(3):
        time.sleep(_STREAM_S / 4)  # let the stream run; what is asserted does not depend on how far it gets
        victim.kill()
        rest()
        victim.start()
    fleet.wait_for_more()


def _assert_exactly_once(store: StoreProcess, collector: CollectorProcess, fleet: Fleet) -> None:
    collector.wait_drained()
    acknowledged, unsure = fleet.acknowledged(), fleet.unsure()
    assert len(acknowledged) > 500
    rows = store.query("SELECT SpanId FROM otel_traces").split()
    stored = set(rows)
    assert len(rows) == len(stored), "a span is stored twice"
    assert acknowledged - stored == set(), "an acknowledged span is missing"
    assert stored - acknowledged <= unsure, "a span is stored that nobody sent"
    # A request whose answer got lost in the crash may be there or not, but as a whole and once.
    assert store.number("SELECT sum(Spans) FROM otel_spans_1m") == len(rows)
    assert store.number("SELECT sum(Items) FROM rootspan_stored WHERE Signal = 'traces'") == len(rows)
    assert store.number("SELECT uniqExact(TraceId) FROM otel_traces_trace_id_ts") == len(rows)
    assert store.number("SELECT count() FROM otel_traces_trace_id_ts") == len(rows)
    counts = collector.counts("traces")
    assert counts["accepted"] == counts["stored"] == len(rows)
    assert counts["pending"] == counts["quarantined"] == 0


def test_killing_the_collector_loses_and_doubles_no_acknowledged_span(
    store: StoreProcess, collector: CollectorProcess
) -> None:
    with store.running(), collector.running():
        fleet = Fleet(collector.address)
        try:
            _kill_in_mid_stream(collector, fleet, rest=lambda: None)
        finally:
            fleet.stop()
        _assert_exactly_once(store, collector, fleet)
        assert collector.stop() == 0


def test_killing_the_store_loses_and_doubles_no_acknowledged_span(
    store: StoreProcess, collector: CollectorProcess
) -> None:
    with store.running(), collector.running():
        fleet = Fleet(collector.address)
        try:
            # While the store is gone, the collector keeps acknowledging.
            _kill_in_mid_stream(store, fleet, rest=fleet.wait_for_more)
        finally:
            fleet.stop()
        _assert_exactly_once(store, collector, fleet)
        assert collector.stop() == 0

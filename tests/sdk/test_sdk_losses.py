"""What a program drops is told to the collector, by OpenTelemetry's names for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.sdk.resources import Resource

from rootspan.export import losses
from rootspan.export.ledger import Loss, Signal
from rootspan.export.losses import LossReports
from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

WHO = Resource({"service.name": "ranker", "process.pid": 7})
Lost = dict[tuple[str, str], int]


def told(body: bytes | None) -> dict[tuple[str, str, str], int]:
    assert body is not None
    request = ExportMetricsServiceRequest.FromString(body)
    (group,) = request.resource_metrics
    assert attributes_of(group.resource) == dict(WHO.attributes)
    found = {}
    for metric in group.scope_metrics[0].metrics:
        assert metric.sum.is_monotonic
        assert metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
        for point in metric.sum.data_points:
            attributes = {pair.key: pair.value.string_value for pair in point.attributes}
            assert 0 < point.start_time_unix_nano <= point.time_unix_nano
            found[metric.name, attributes["error.type"], attributes["otel.component.type"]] = point.as_int
    return found


def test_each_loss_has_the_conventions_name() -> None:
    dropped: Lost = {
        (Signal.SPANS.value, Loss.QUEUE_FULL.value): 3,
        (Signal.LOGS.value, Loss.AFTER_SHUTDOWN.value): 1,
        (Signal.SPANS.value, Loss.UNREACHABLE.value): 5,
        (Signal.METRICS.value, Loss.REFUSED.value): 2,
    }
    assert told(LossReports().news(dropped, WHO)) == {
        ("otel.sdk.processor.span.processed", "queue_full", "batching_span_processor"): 3,
        ("otel.sdk.processor.log.processed", "already_shutdown", "batching_log_processor"): 1,
        ("otel.sdk.exporter.span.exported", "unreachable", "otlp_grpc_span_exporter"): 5,
        ("otel.sdk.exporter.metric_data_point.exported", "rejected", "otlp_grpc_metric_exporter"): 2,
    }


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("reason", Loss)
def test_every_loss_can_be_told(signal: Signal, reason: Loss) -> None:
    assert list(told(LossReports().news({(signal.value, reason.value): 1}, WHO)).values()) == [1]


def test_news_are_told_once_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    reports, one, two = LossReports(), {("spans", "queue full"): 1}, {("spans", "queue full"): 2}
    assert reports.news({}, WHO) is None
    assert reports.news(one, WHO) is not None
    assert reports.news(one, WHO) is None  # too early; it was not acknowledged yet
    assert reports.news(one, WHO, is_last=True) is not None
    reports.told(one)
    assert reports.news(one, WHO, is_last=True) is None
    assert reports.news(two, WHO) is None
    assert list(told(reports.news(two, WHO, is_last=True)).values()) == [2]
    monkeypatch.setattr(losses, "INTERVAL_S", 0.0)
    fresh: Callable[[Lost, Resource], bytes | None] = LossReports().news
    assert fresh(one, WHO) is not None
    assert fresh(two, WHO) is not None


def lost(receiver: Receiver) -> dict[str, float]:
    """The last word on each loss."""
    found = {}
    for _, metric in receiver.metrics():
        for point in metric.sum.data_points:
            reason = next(pair.value.string_value for pair in point.attributes if pair.key == "error.type")
            found[f"{metric.name} {reason}"] = point.as_int
    return found


def test_a_full_queue_is_told_to_the_collector_although_metrics_are_off(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        rootspan.init("ranker", {receiver.endpoint!r}, logs=False, metrics=False)
        for _ in range(3000):
            with rootspan.span("work"):
                pass
        rootspan.flush(10)
        account = rootspan.shutdown()
        print(account.dropped["spans", "queue full"], account.sent)
        """,
        OTEL_BSP_MAX_QUEUE_SIZE="20",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10",
    )
    assert done.code == 0, done.err
    n_dropped, sent = done.out.split(maxsplit=1)
    n_sent = len(receiver.spans())
    assert int(n_dropped) == 3000 - n_sent > 0
    assert sent.strip() == str({"spans": n_sent})  # the report itself is nobody's item
    assert lost(receiver) == {"otel.sdk.processor.span.processed queue_full": int(n_dropped)}


def test_losses_while_the_collector_refused_are_told_when_it_takes_again(
    tmp_path: Path, receiver: Receiver, run_program: RunProgram
) -> None:
    receiver.refuse_with = grpc.StatusCode.INVALID_ARGUMENT
    refused = tmp_path / "refused"

    def take_again_once_refused() -> None:
        deadline = time.monotonic() + 30
        while not refused.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        receiver.refuse_with = None

    watching = threading.Thread(target=take_again_once_refused)
    watching.start()
    done = run_program(
        f"""
        import pathlib, time, rootspan
        rootspan.init("ranker", {receiver.endpoint!r}, logs=False, metrics=False)
        end = time.monotonic() + 20
        while not rootspan.delivery().sent and time.monotonic() < end:
            with rootspan.span("work"):
                pass
            if not rootspan.flush(5):
                pathlib.Path({str(refused)!r}).touch()
        print(rootspan.shutdown().dropped["spans", "refused by the collector"])
        """
    )
    watching.join()
    assert done.code == 0, done.err
    assert int(done.out) > 0
    assert lost(receiver) == {"otel.sdk.exporter.span.exported rejected": int(done.out)}

"""A store that was away: the newest data is seen first, if asked, and all of it once."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import otlp_requests as otlp
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_BATCHES, _SPANS = 24, 1500


def _send(collector: CollectorProcess, numbers: range) -> None:
    """Each batch fills a segment of its own."""
    with collector.channel() as channel:
        for number in numbers:
            request = otlp.traces(_SPANS, name=f"{number:02}").SerializeToString()
            assert len(request) > 64 * 1024
            channel.unary_unary(EXPORT)(request, timeout=30)


def _seen(store: StoreProcess) -> list[int]:
    try:
        text = store.query("SELECT DISTINCT SpanName FROM otel_traces ORDER BY 1")
    except (RuntimeError, OSError):  # not migrated yet, or not up yet
        return []
    return [int(line) for line in text.splitlines()]


def test_after_an_outage_the_newest_comes_first_and_everything_once_over_a_crash(tmp_path: Path) -> None:
    store = StoreProcess(tmp_path)
    environment = {"ROOTSPAN_WAL_NEWEST_FIRST": "1", "ROOTSPAN_WAL_SEGMENT_BYTES": str(64 * 1024)}
    collector = CollectorProcess(tmp_path, store.url, ["--wal-segment-age-s", "0.05"], environment)
    with collector.running():
        _send(collector, range(_BATCHES))
        with store.running():
            states = list[list[int]]()

            def is_half_through() -> bool:
                states.append(_seen(store))
                return len(states[-1]) >= _BATCHES // 2

            wait_until(is_half_through, timeout_s=180, what=f"half is stored; see {collector.output[-2000:]}")
            # What was being tried when the store came back, then the newest ones, without a gap.
            for seen in states:
                newest = [number for number in seen if number != 0]
                assert newest == list(range(_BATCHES - len(newest), _BATCHES)), seen
            assert 0 < len(states[-1]) < _BATCHES, "the store was faster than one look: send more batches"
            collector.kill()
            collector.start()
            _send(collector, range(_BATCHES, _BATCHES + 2))
            collector.wait_drained()
            whole = (_BATCHES + 2) * _SPANS
            assert _seen(store) == list(range(_BATCHES + 2))
            assert store.number("SELECT count() FROM otel_traces") == whole
            assert store.number("SELECT uniqExact(SpanId) FROM otel_traces") == whole
            assert store.number("SELECT sum(Spans) FROM otel_spans_1m") == whole
            counts = collector.counts("traces")
            assert (counts["accepted"], counts["stored"], counts["pending"]) == (whole, whole, 0)
            # Files go after they are counted.
            wait_until(
                lambda: not list(collector.wal.glob("traces-*.wal")), timeout_s=60, what="the log is empty"
            )

"""`python -m bench.ingest`: OTLP/gRPC in to rows that a query sees, in spans per CPU-second.

CPU-seconds are those of collector and store together.

Three runs with real processes: the gateway alone (the store is away, everything goes to the log; requests of
512 spans, then of 8), end to end at full speed (until all is visible and no merge is left), and at half of
that speed for latencies. With `--peer rotel` a fourth: Rotel writing into the same kind of store. A floor
measured in the same minute says how fast the machine is: a Python loop over the attributes of the same spans.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.processes import CollectorProcess, StoreProcess

from bench.ingest_peer import measure_rotel
from bench.ingest_run import DRAIN_TIMEOUT_S, SPANS, Meter, send, sender, wait_merged
from bench.otlp_load import TraceLoad
from rootspan_cli.processes.ports import free_port

_VISIBLE_TIMEOUT_S = 60.0
__all__ = ["measure"]

_PACKAGES = ("rootspan", "chdb", "grpcio", "protobuf")


def _floor_us_per_span() -> float:
    request = ExportTraceServiceRequest.FromString(TraceLoad(0, SPANS).next())
    best_s = float("inf")
    for _ in range(5):
        started_s = time.process_time()
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    {
                        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
                        for pair in span.attributes
                    }
        best_s = min(best_s, time.process_time() - started_s)
    return best_s / SPANS * 1e6


def _gateway(folder: Path, seconds: float, workers: int) -> dict[str, float]:
    away = f"http://127.0.0.1:{free_port()}/otel"
    flags = ["--stop-grace-s", "0", "--wal-max-bytes", str(20 << 30), "--workers", str(workers)]
    collector = CollectorProcess(folder, away, flags)
    with collector.running():
        send(collector.address, 1)
        meter = Meter(collector)
        sent = send(collector.address, seconds)
        (cpu_s,) = meter.used_s()
        meter = Meter(collector)
        small = send(collector.address, seconds, spans=8, connections=16)
        (small_cpu_s,) = meter.used_s()
        return {
            "spans": sent.spans,
            "spans_per_cpu_s": sent.spans / cpu_s,
            "us_per_span": cpu_s / sent.spans * 1e6,
            "spans_per_s": sent.spans / seconds,
            "ack_p50_ms": sent.ack_p50_ms,
            "ack_p99_ms": sent.ack_p99_ms,
            "small_requests": small.requests,
            "small_requests_per_cpu_s": small.requests / small_cpu_s,
            "collector_rss_mb": collector.peak_rss_mb(),
        }


def _end_to_end(folder: Path, seconds: float, workers: int) -> dict[str, object]:
    store = StoreProcess(folder)
    collector = CollectorProcess(folder, store.url, ["--workers", str(workers)])
    with store.running(), collector.running():
        warm = send(collector.address, 1)
        collector.wait_drained(DRAIN_TIMEOUT_S)
        wait_merged(store)
        meter = Meter(collector, store)
        started_s = time.monotonic()
        sent = send(collector.address, seconds)
        collector.wait_drained(DRAIN_TIMEOUT_S)
        rows = store.number("SELECT count() FROM otel_traces")
        if rows != warm.spans + sent.spans:
            raise RuntimeError(f"{rows} rows for {warm.spans + sent.spans} acknowledged spans")
        visible_s = time.monotonic() - started_s
        collector_s, inserting_s = meter.used_s()
        wait_merged(store)
        collector_s, store_s = meter.used_s()
        rate = sent.spans / visible_s
        half = _half_rate(store, collector, seconds, rate / 2)
        sizes = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'otel'"
        rows = store.number("SELECT count() FROM otel_traces")
        return {
            "spans": sent.spans,
            "bytes_per_span_on_the_wire": sent.bytes / sent.spans,
            "refused_requests": sent.refused_requests,
            "spans_per_cpu_s": sent.spans / (collector_s + store_s),
            "spans_per_s": rate,
            "us_per_span": {
                "collector": collector_s / sent.spans * 1e6,
                "store_until_visible": inserting_s / sent.spans * 1e6,
                "store_merges_after": (store_s - inserting_s) / sent.spans * 1e6,
            },
            "ack_p50_ms": sent.ack_p50_ms,
            "ack_p99_ms": sent.ack_p99_ms,
            "half_rate": half,
            "bytes_per_span": store.number(f"{sizes} AND table = 'otel_traces'") / rows,
            "bytes_per_span_all_tables": store.number(sizes) / rows,
            "parts": store.number("SELECT count() FROM system.parts WHERE active AND table = 'otel_traces'"),
            "collector_rss_mb": collector.peak_rss_mb(),
            "store_rss_mb": store.peak_rss_mb(),
        }


def _half_rate(
    store: StoreProcess, collector: CollectorProcess, seconds: float, rate: float
) -> dict[str, float]:
    with sender(collector.address, seconds, rate=rate) as process:
        time.sleep(seconds / 2)
        visible_after_s = [_visible_after_s(store, collector) for _ in range(3)]
        output, _ = process.communicate(timeout=seconds + 120)
    fields = json.loads(output)
    return {
        "spans_per_s": rate,
        "ack_p50_ms": fields["ack_p50_ms"],
        "ack_p99_ms": fields["ack_p99_ms"],
        "visible_after_s": max(visible_after_s),
    }


def _visible_after_s(store: StoreProcess, collector: CollectorProcess) -> float:
    request = ExportTraceServiceRequest.FromString(TraceLoad(time.time_ns() % 997 + 1000, 1).next())
    trace_id = request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
    with collector.channel() as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        export(request.SerializeToString(), timeout=30)
    started_s = time.monotonic()
    query = f"SELECT count() FROM otel_traces WHERE TraceId = '{trace_id}'"
    while store.number(query) == 0:
        if time.monotonic() - started_s > _VISIBLE_TIMEOUT_S:
            raise TimeoutError(f"trace {trace_id} is not visible after {_VISIBLE_TIMEOUT_S:g} s")
        time.sleep(0.1)  # asking more often would be a load of its own
    return time.monotonic() - started_s


def measure(seconds: float, *, peer: str | None = None, workers: int = 1) -> dict[str, object]:
    """Run everything, each part for so long, and return the figures; those that are compared stand first."""
    floor_us = _floor_us_per_span()
    with tempfile.TemporaryDirectory(prefix="rootspan-bench-") as folder:
        gateway = _gateway(Path(folder) / "gateway", seconds / 2, workers)
        whole = _end_to_end(Path(folder) / "whole", seconds, workers)
        beside = measure_rotel(Path(folder) / "peer", seconds) if peer else None
    # A neighbour's load comes and goes: the machine is as fast as it is before and after, on average.
    floor_us = (floor_us + _floor_us_per_span()) / 2
    ours = float(str(whole["spans_per_cpu_s"]))
    theirs = float(str(beside["spans_per_cpu_s"])) if beside else None
    half = whole["half_rate"]
    return {
        "gateway_spans_per_cpu_s": round(gateway["spans_per_cpu_s"]),
        "end_to_end_spans_per_cpu_s": round(ours),
        "gateway_ratio_to_python_loop": round(gateway["spans_per_cpu_s"] * floor_us / 1e6, 2),
        "ratio_to_python_loop": round(ours * floor_us / 1e6, 2),
        "python_loop_spans_per_cpu_s": round(1e6 / floor_us),
        "workers": workers,
        "peer": peer,
        "peer_spans_per_cpu_s": round(theirs) if theirs else None,
        "ratio_to_peer": round(ours / theirs, 2) if theirs else None,
        "ack_p99_ms": half["ack_p99_ms"],  # type: ignore[index]
        "visible_after_s": half["visible_after_s"],  # type: ignore[index]
        "bytes_per_span": whole["bytes_per_span"],
        "collector_rss_mb": max(gateway["collector_rss_mb"], float(str(whole["collector_rss_mb"]))),
        "gateway": gateway,
        "end_to_end": whole,
        "peer_details": beside,
        "machine": {
            "cpus": os.cpu_count(),
            "cpu": _cpu_name(),
            "python": platform.python_version(),
            "kernel": platform.release(),
            **{name: metadata.version(name) for name in _PACKAGES},
        },
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each run sends")
    parser.add_argument("--peer", choices=["rotel"], help="measure another collector beside it, too")
    parser.add_argument("--workers", type=int, default=1, help="of the collector")
    arguments = parser.parse_args()
    result = measure(arguments.seconds, peer=arguments.peer, workers=arguments.workers)
    if arguments.json:
        print(json.dumps(result))
    else:
        _print(result)
    return 0


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _print(fields: object, indent: str = "") -> None:
    for name, value in fields.items():  # type: ignore[attr-defined]
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            _print(value, indent + "  ")
        else:
            text = (
                f"{value:,.2f}"
                if isinstance(value, float)
                else f"{value:,}"
                if isinstance(value, int)
                else value
            )
            print(f"{indent}{name:<32} {text}")


if __name__ == "__main__":
    sys.exit(main())

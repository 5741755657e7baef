"""For `bench.sdk`: spans that are not sampled, and what encoding a full batch does to other threads.

Runs in a process of its own, because the tracer provider of a process is set once. Prints JSON.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased

import rootspan
from bench.sdk_sides import attributes
from rootspan.export.encode import SpanEncoder
from rootspan.tracing.ids import KernelIdGenerator
from rootspan.tracing.recording import RecordedSpan
from rootspan.tracing.tracer import Nowhere, RootspanTracerProvider

ROUNDS, BATCH = 9, 512
BURST, BURSTS = 2_000, 90
"""Short bursts and many: on a shared machine some of them find the core to themselves."""
RESOURCE = Resource({"service.name": "bench"})


class _Kept:
    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    def offer(self, span: RecordedSpan, /) -> None:
        self.spans.append(span)

    def flush(self, _timeout_s: float, /) -> bool:
        return True


def main() -> None:
    """Print both tables."""
    print(json.dumps({"unsampled_us": unsampled(), "batch": batch()}))


def unsampled() -> dict[str, float]:
    """CPU microseconds a span, the loop's own cost taken off; the best of many short bursts."""
    # So small a ratio keeps nothing here, and yet every root draws an id and decides.
    sampler = ParentBased(TraceIdRatioBased(1e-12))
    provider = RootspanTracerProvider(
        Nowhere(), sampler=sampler, resource=RESOURCE, id_generator=KernelIdGenerator()
    )
    trace.set_tracer_provider(provider)
    given = attributes(1)[0]

    def span() -> None:
        with rootspan.span("work", given):
            pass

    @rootspan.trace
    def decorated() -> None:
        pass

    def bare() -> None:
        pass

    loop_us = _each_us(bare)
    figures = {"span(), a trace's root": _each_us(span) - loop_us}
    with rootspan.span("parent"):
        figures["span(), below its root"] = _each_us(span) - loop_us
        figures["@trace, below its root"] = _each_us(decorated) - loop_us
    return figures


def batch() -> dict[str, float]:
    """How long one batch takes to encode, at most at one go, and what another thread feels of it."""
    kept = _Kept()
    provider = RootspanTracerProvider(kept, sampler=ALWAYS_ON, resource=RESOURCE)
    tracer = provider.get_tracer("bench")
    for given in attributes(BATCH):
        tracer.start_span("work", attributes=given).end()
    readable = [span._readable_span() for span in kept.spans]
    held_ms: list[float] = []
    since = 0.0

    def pause() -> None:
        nonlocal since
        held_ms.append((time.thread_time() - since) * 1e3)
        time.sleep(50e-6)
        since = time.thread_time()

    encoder = SpanEncoder(pause)
    for _ in range(ROUNDS):
        since = time.thread_time()
        encoder.encode(kept.spans)
        pause()
    silent = SpanEncoder(lambda: None)
    ours_ms = min(_cpu_ms(lambda: silent.encode(kept.spans)) for _ in range(ROUNDS))
    theirs_ms = min(_cpu_ms(lambda: encode_spans(readable).SerializeToString()) for _ in range(ROUNDS))
    return {
        "rootspan's encoder, CPU ms": ours_ms,
        "OpenTelemetry's encoder, CPU ms": theirs_ms,
        "held at one go, CPU ms": max(held_ms),
        "another thread's delay, p99, ms": _delay_ms(lambda: SpanEncoder().encode(kept.spans)),
        "the same, OpenTelemetry's, ms": _delay_ms(lambda: encode_spans(readable).SerializeToString()),
    }


def _each_us(work: Callable[[], None]) -> float:
    def once() -> float:
        begin = time.thread_time()
        for _ in range(BURST):
            work()
        return (time.thread_time() - begin) / BURST * 1e6

    return min(once() for _ in range(BURSTS))


def _cpu_ms(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return (time.thread_time() - begin) * 1e3


def _delay_ms(encode: Callable[[], object]) -> float:
    """How late a thread wakes from short sleeps while another encodes all the time; 99th percentile."""
    late_ms: list[float] = []
    with _busy(encode):
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            begin = time.perf_counter()
            time.sleep(0.001)
            late_ms.append((time.perf_counter() - begin) * 1e3 - 1)
    return sorted(late_ms)[int(len(late_ms) * 0.99)]


@contextmanager
def _busy(work: Callable[[], object]) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()

"""What the SDK costs its caller here: import, init, and a span beside plain OpenTelemetry's, in one run.

Run: python bench/sdk_cost.py [--spans 20000]. Figures are medians of five rounds, the two sides taking turns.
Nothing is sent: both sides queue to a sink, because this measures what the calling thread pays.
"""

from __future__ import annotations

import argparse
import gc
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

import rootspan
from rootspan.ids import KernelIdGenerator

ATTRIBUTES = {f"app.attribute.{i}": i if i % 2 else f"value {i}" for i in range(8)}
ROUNDS = 5


class Sink(SpanProcessor):
    """Takes ended spans and forgets them."""

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=20_000)
    n = parser.parse_args().spans
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    api_ms = _python_ms("import opentelemetry.trace")
    sdk_ms = _python_ms("import rootspan")
    init_ms = _python_ms("import rootspan; rootspan.init('x', '127.0.0.1:1', exit_timeout_s=0)")
    print(f"import rootspan: {sdk_ms:.0f} ms, of which OpenTelemetry's API {api_ms:.0f} ms")
    print(f"import rootspan and init(): {init_ms:.0f} ms")

    provider = TracerProvider(id_generator=KernelIdGenerator(), shutdown_on_exit=False)
    provider.add_span_processor(Sink())
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("plain")

    def plain() -> None:
        with tracer.start_as_current_span("work", attributes=ATTRIBUTES):
            pass

    def ours() -> None:
        with rootspan.span("work", ATTRIBUTES):
            pass

    @rootspan.trace("work", attributes=ATTRIBUTES)
    def decorated() -> None:
        pass

    sides: dict[str, Callable[[], None]] = {
        "opentelemetry, start_as_current_span": plain,
        "rootspan.span": ours,
        "@rootspan.trace": decorated,
    }
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, work in sides.items():
            figures[name].append(_each_us(work, n))
    base = statistics.median(figures["opentelemetry, start_as_current_span"])
    for name, values in figures.items():
        cost = statistics.median(values)
        print(f"span with 8 attributes, {name}: {cost:.1f} µs for the caller, {cost / base:.2f} of plain")


def _each_us(work: Callable[[], None], n: int) -> float:
    gc.collect()
    begin = time.perf_counter()
    for _ in range(n):
        work()
    return (time.perf_counter() - begin) / n * 1e6


def _python_ms(code: str) -> float:
    timed = f"import time; begin = time.perf_counter(); {code}; print(time.perf_counter() - begin)"
    runs = [
        subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run.stdout) for run in runs) * 1e3


if __name__ == "__main__":
    main()

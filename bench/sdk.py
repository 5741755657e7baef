"""What tracing costs: rootspan beside plain opentelemetry-python, and logfire and ddtrace where installed.

Run: python -m bench.sdk [--rounds 3] [--spans 20000]. Every side runs in a process of its own and sends to
the same sink; the sides take turns, and a figure is the median over the rounds. Exit status 1 when one of
rootspan's targets is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench.sdk_sides import SIDES

_ROOT = Path(__file__).resolve().parents[1]
_PLAIN, _OURS = "opentelemetry-python", "rootspan.span"
_NEEDS = {"logfire.span": "logfire", "ddtrace tracer.trace": "ddtrace"}
_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True)
class Sink:
    """Where everything is sent to: OTLP's `host:port` and an agent's URL."""

    endpoint: str
    agent: str

    def received(self) -> int:
        """Spans so far."""
        with grpc.insecure_channel(self.endpoint) as channel:
            return int(channel.unary_unary("/count")(b"", timeout=10))


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds a span, of the calling thread and of the whole process; medians over rounds."""

    caller_us: float
    process_us: float
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that has to stay at or below its limit."""

    name: str
    figure: float
    limit: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether it does."""
        return self.figure <= self.limit


def main() -> None:
    """Print the tables; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=20_000)
    wanted = parser.parse_args()
    print(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("A span with 8 attributes, CPU microseconds a span; a process of its own for each side.\n")
    costs = measure([name for name in SIDES if _is_installed(name)], wanted.rounds, wanted.spans)
    base = costs[_PLAIN]
    print(f"{'':<36}{'caller':>9}{'of plain':>10}{'process':>10}{'of plain':>10}")
    for name, cost in costs.items():
        print(
            f"{name:<36}{cost.caller_us:>9.1f}{cost.caller_us / base.caller_us:>10.2f}"
            f"{cost.process_us:>10.1f}{cost.process_us / base.process_us:>10.2f}"
            + ("" if cost.is_complete else "  not all spans arrived")
        )
    for name in SIDES.keys() - costs.keys():
        print(f"{name:<36}not installed")
    details = _details()
    print("\nA span that is not sampled, microseconds:")
    for name, figure_us in details["unsampled_us"].items():
        print(f"  {name:<34}{figure_us:>9.2f}")
    print("\nA full batch of 512 spans:")
    for name, figure in details["batch"].items():
        print(f"  {name:<34}{figure:>9.2f}")
    print("\nStarting, milliseconds:")
    for name, code in _STARTS.items():
        print(f"  {name:<34}{_python_ms(code, wanted.rounds):>9.0f}")
    ours = costs[_OURS]
    targets = [
        Target("caller, of plain", ours.caller_us / base.caller_us, 0.55, ""),
        Target("whole process, of plain", ours.process_us / base.process_us, 0.40, ""),
        *(Target(f"not sampled, {name}", us, 1.5, " µs") for name, us in details["unsampled_us"].items()),
        Target("interpreter held at one go", details["batch"][_HELD], 5.0, " ms"),
    ]
    print()
    for target in targets:
        verdict = "met" if target.is_met else "MISSED"
        print(f"{verdict:<7}{target.name}: {target.figure:.2f}{target.unit} <= {target.limit:g}{target.unit}")
    if not ours.is_complete or not all(target.is_met for target in targets):
        raise SystemExit(1)


def measure(names: list[str], rounds: int, spans: int) -> dict[str, Cost]:
    """Run each side `rounds` times, in turns."""
    seen: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in names}
    with _sink() as sink:
        for _ in range(rounds):
            for name in names:
                seen[name].append(_run(name, sink, spans))
    return {
        name: Cost(
            statistics.median(caller for caller, _, _ in runs),
            statistics.median(process for _, process, _ in runs),
            all(complete for _, _, complete in runs),
        )
        for name, runs in seen.items()
    }


def _run(name: str, sink: Sink, spans: int) -> tuple[float, float, bool]:
    before = sink.received()
    command = [
        sys.executable,
        "-m",
        "bench.sdk_sides",
        name,
        sink.endpoint,
        sink.agent,
        "--spans",
        str(spans),
    ]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    figures = json.loads(done.stdout.splitlines()[-1])
    # ddtrace reports how many traces it sends; here each trace is a span.
    return figures["caller_us"], figures["process_us"], sink.received() - before == figures["made"]


@contextmanager
def _sink() -> Iterator[Sink]:
    command = [sys.executable, "-m", "bench.sdk_sink"]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        otlp, agent = process.stdout.readline().split()
        try:
            yield Sink(f"127.0.0.1:{otlp}", f"http://127.0.0.1:{agent}")
        finally:
            process.stdin.close()


_HELD = "held at one go, CPU ms"
_STARTS = {
    "import opentelemetry.trace": "import opentelemetry.trace",
    "import rootspan": "import rootspan",
    "import rootspan and init()": "import rootspan; rootspan.init('x', '127.0.0.1:1', exit_timeout_s=0)",
}


def _details() -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.sdk_details"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def _is_installed(name: str) -> bool:
    return name not in _NEEDS or importlib.util.find_spec(_NEEDS[name]) is not None


def _python_ms(code: str, rounds: int) -> float:
    timed = f"import time; begin = time.perf_counter(); {code}; print(time.perf_counter() - begin)"
    runs = [
        subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
        for _ in range(rounds)
    ]
    return statistics.median(float(run.stdout) for run in runs) * 1e3


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


if __name__ == "__main__":
    begin = time.monotonic()
    try:
        main()
    finally:
        print(f"\n{time.monotonic() - begin:.0f} s in all")

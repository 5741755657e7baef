"""One tracing library under the load of `bench.sdk`, in a process of its own; prints its figures as JSON.

Every side makes the same span, the way its own documentation has it: eight attributes, half of them text,
some that repeat and some that do not, around no work. CPU time is read, not the clock, so that a busy machine
changes little.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WARM_UP = 3_000
CHUNK = 4_096
"""Spans made before the queue is emptied: fewer than any side's queue holds, so that none drops."""
Work = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Side:
    """A library at work.

    Attributes:
        work: Makes one span with these attributes.
        flush: Returns when everything made was sent.
    """

    work: Work
    flush: Callable[[], object]


def attributes(n: int) -> list[dict[str, Any]]:
    """Attribute sets as a ranker would have them; made before the clock starts."""
    return [
        {
            "gen_ai.request.model": "dlrm-v3",
            "app.tenant": f"tenant {i % 20}",
            "app.request.id": f"{i * 2_654_435_761 % (1 << 32):08x}-{i:08x}",
            "app.stage": ("retrieve", "rank", "filter")[i % 3],
            "app.candidates": i % 512,
            "gen_ai.usage.input_tokens": i * 7 % 4_096,
            "rootspan.queue.wait_ms": (i % 997) / 10,
            "app.is_cached": i % 4 == 0,
        }
        for i in range(n)
    ]


def plain(endpoint: str, _agent: str) -> Side:
    """opentelemetry-python as it comes: its provider, batch processor and gRPC exporter."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2 * CHUNK))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("bench")

    def work(given: dict[str, Any]) -> None:
        with tracer.start_as_current_span("work", attributes=given):
            pass

    return Side(work, provider.force_flush)


def rootspan_span(endpoint: str, _agent: str) -> Side:
    """`rootspan.span`."""
    import rootspan

    rootspan.init("bench", endpoint, logs=False, metrics=False)

    def work(given: dict[str, Any]) -> None:
        with rootspan.span("work", given):
            pass

    return Side(work, lambda: rootspan.flush(30))


def rootspan_api(endpoint: str, _agent: str) -> Side:
    """OpenTelemetry's own API on rootspan's provider."""
    import rootspan

    rootspan.init("bench", endpoint, logs=False, metrics=False)
    from opentelemetry import trace

    tracer = trace.get_tracer("bench")

    def work(given: dict[str, Any]) -> None:
        with tracer.start_as_current_span("work", attributes=given):
            pass

    return Side(work, lambda: rootspan.flush(30))


def logfire_span(endpoint: str, _agent: str) -> Side:
    """`logfire.span`, exported by OpenTelemetry's batch processor to the same place."""
    import logfire
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        metrics=False,
        additional_span_processors=[BatchSpanProcessor(exporter, max_queue_size=4 * CHUNK)],
    )

    def work(given: dict[str, Any]) -> None:
        with logfire.span("work", **given):
            pass

    return Side(work, logfire.force_flush)


def ddtrace_span(_endpoint: str, agent: str) -> Side:
    """`ddtrace.trace.tracer.trace`, sent as ddtrace sends it: msgpack to an agent."""
    os.environ.update(
        DD_TRACE_AGENT_URL=agent,
        DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
        DD_REMOTE_CONFIGURATION_ENABLED="false",
        DD_TRACE_STARTUP_LOGS="false",
    )
    from ddtrace.trace import tracer

    def work(given: dict[str, Any]) -> None:
        with tracer.trace("work") as span:
            for key, value in given.items():
                span.set_tag(key, value)

    return Side(work, tracer.flush)


SIDES: dict[str, Callable[[str, str], Side]] = {
    "opentelemetry-python": plain,
    "rootspan.span": rootspan_span,
    "rootspan below OpenTelemetry's API": rootspan_api,
    "logfire.span": logfire_span,
    "ddtrace tracer.trace": ddtrace_span,
}
"""By name; each is called once in a process, with the collector's address and the agent's URL."""


def main() -> None:
    """Run one side and print `caller_us` and `process_us`, CPU microseconds a span."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("endpoint")
    parser.add_argument("agent")
    parser.add_argument("--spans", type=int, default=20_000)
    wanted = parser.parse_args()
    side = SIDES[wanted.side](wanted.endpoint, wanted.agent)
    given = attributes(CHUNK)
    for one in given[:WARM_UP]:
        side.work(one)
    side.flush()
    gc.collect()
    caller_ns, made = 0, 0
    whole_ns = time.process_time_ns()
    while made < wanted.spans:
        begin_ns = time.thread_time_ns()
        for one in given:
            side.work(one)
        caller_ns += time.thread_time_ns() - begin_ns
        made += len(given)
        side.flush()
    whole_ns = time.process_time_ns() - whole_ns
    print(
        json.dumps(
            {
                "caller_us": caller_ns / made / 1e3,
                "process_us": whole_ns / made / 1e3,
                "made": made + WARM_UP,
            }
        )
    )


if __name__ == "__main__":
    main()

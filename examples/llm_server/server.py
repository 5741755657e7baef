"""One server process: `python -m examples.llm_server.server SETTINGS-AS-JSON`. Streams text over gRPC.

Owns the service's one method, `LLM/Generate`, and what its span and its metrics tell of a request.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from examples.harness.processes import hold_signals, serve_until_stopped

import rootspan
from rootspan import semconv


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is told."""

    endpoint: str
    host: str
    region: str
    max_batch: int
    max_waiting: int

    def to_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve until SIGTERM."""
    mine = Settings(**json.loads(sys.argv[1]))
    hold_signals()
    # Two servers on one machine: threads of numpy's would only get in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    where = {semconv.HOST_NAME: mine.host, semconv.CLOUD_REGION: mine.region, semconv.GPU_INDEX: 0}
    rootspan.init("llm-server", mine.endpoint, resource=where, instrument=["grpc"], baggage=["tenant.id"])
    serve_until_stopped(lambda: _start(mine))


def _start(mine: Settings) -> tuple[int, Callable[[], object]]:
    # gRPC is imported after init(), which prepares it for fork and instruments what is made from then on.
    import grpc
    from examples.llm_server.model import Generation, TinyModel, encode
    from examples.llm_server.scheduler import Scheduler

    model = TinyModel()
    with rootspan.span("warm up"):
        model.step([Generation(encode("The first step is slower than any after it."))])
    scheduler = Scheduler(model, max_batch=mine.max_batch, max_waiting=mine.max_waiting)
    server = grpc.server(ThreadPoolExecutor(mine.max_waiting + 2 * mine.max_batch))
    handler = grpc.unary_stream_rpc_method_handler(
        Service(scheduler).generate, json.loads, lambda m: json.dumps(m).encode()
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("LLM", {"Generate": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def stop() -> None:
        server.stop(2).wait(5)
        scheduler.stop()

    return port, stop


class Service:
    """Answers `LLM/Generate`: `{"prompt", "max_tokens"}` in, `{"text"}` out for every token."""

    def __init__(self, scheduler: Any) -> None:
        from opentelemetry import metrics

        self._scheduler = scheduler
        meter = metrics.get_meter("examples.llm_server")
        self._first = meter.create_histogram("gen_ai.server.time_to_first_token", "s")
        self._each = meter.create_histogram("gen_ai.server.time_per_output_token", "s")

    def generate(self, request: dict[str, Any], context: Any) -> Iterator[dict[str, str]]:
        """Stream the text; refuse when too many wait; stop generating when nobody listens any more."""
        import grpc
        from examples.llm_server.model import NAME
        from examples.llm_server.scheduler import QueueFullError

        began = time.perf_counter()
        described = {semconv.GEN_AI_OPERATION: "text_completion", semconv.GEN_AI_REQUEST_MODEL: NAME}
        rootspan.set_attributes({**described, semconv.GEN_AI_MAX_TOKENS: request["max_tokens"]})
        try:
            running = self._scheduler.submit(request["prompt"], request["max_tokens"])
        except QueueFullError as err:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(err))
        context.add_callback(lambda: setattr(running, "cancelled", True))
        first_s = 0.0
        for text in running.stream():
            if not first_s:
                first_s = time.perf_counter() - began
                self._first.record(first_s, described)
            yield {"text": text}
        if running.n_tokens > 1:
            each_s = (time.perf_counter() - began - first_s) / (running.n_tokens - 1)
            self._each.record(each_s, described)
        rootspan.set_attributes(
            {
                semconv.GEN_AI_RESPONSE_MODEL: NAME,
                semconv.GEN_AI_INPUT_TOKENS: len(running.prompt),
                semconv.GEN_AI_OUTPUT_TOKENS: running.n_tokens,
                semconv.GEN_AI_FINISH_REASONS: ["length"],
                semconv.GEN_AI_TIME_TO_FIRST_CHUNK: first_s,
            }
        )


if __name__ == "__main__":
    main()

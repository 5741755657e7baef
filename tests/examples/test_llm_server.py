"""The LLM server as real processes: continuous batches in the traces of streamed requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from rootspan.testing import Receiver, attributes_of

ROOT = Path(__file__).parents[2]
TOKENS = 240
SERVER, CLIENT, INTERNAL = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL


def _run(receiver: Receiver, *arguments: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-m", "examples.llm_server", "--endpoint", receiver.endpoint, *arguments],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _number(attributes: Mapping[str, object], name: str) -> float:
    value = attributes[name]
    assert isinstance(value, (int, float))
    return float(value)


def test_streamed_requests_share_batches_and_are_told_wait_share_and_first_token() -> None:
    with Receiver() as receiver:
        # Answers so long that they overlap on a fast machine, requests so few that a slow one refuses none.
        code, out = _run(
            receiver, "--seconds", "3", "--rate", "20", "--max-tokens", str(TOKENS), "--max-batch", "4"
        )
    assert code == 0, out
    assert "dropped 0" in out
    spans = {span.span_id: (attributes_of(who), span) for who, span in receiver.spans()}
    by_name: dict[tuple[str, int], list[tuple[dict[str, object], Span]]] = defaultdict(list)
    for who, span in spans.values():
        assert not span.parent_span_id or span.parent_span_id in spans
        by_name[span.name, span.kind].append((who, span))
    users = by_name["user request", INTERNAL]
    stays, batches = by_name["llm.step", INTERNAL], by_name["llm.step batch", INTERNAL]
    servers = {span.span_id: (who, span) for who, span in by_name["LLM/Generate", SERVER]}
    assert len(users) >= 55
    assert len(users) == len(stays) == len(servers) == len({span.trace_id for _, span in users})

    for who, server in servers.values():
        told = attributes_of(server)
        took_s = (server.end_time_unix_nano - server.start_time_unix_nano) / 1e9
        assert 0 < _number(told, "gen_ai.response.time_to_first_chunk") < took_s
        assert told["gen_ai.operation.name"] == "text_completion"
        assert told["gen_ai.usage.output_tokens"] == TOKENS
        assert told["gen_ai.response.finish_reasons"] == ("length",)
        assert told["tenant.id"] in ("acme", "globex", "initech")  # by baggage, from the client
        assert who["gpu.index"] == 0
        client = spans[server.parent_span_id][1]
        assert client.kind == CLIENT
        # A stream's last response brings the server's own duration.
        client_ms = (client.end_time_unix_nano - client.start_time_unix_nano) / 1e6
        assert 0 < _number(attributes_of(client), "rootspan.peer.duration_ms") <= client_ms
        assert attributes_of(client)["rootspan.retry.attempt"] == 0

    charged_ms: dict[object, float] = defaultdict(float)
    for who, stay in stays:
        told = attributes_of(stay)
        assert stay.parent_span_id in servers
        assert told["rootspan.batch.steps"] == TOKENS
        took_ms = (stay.end_time_unix_nano - stay.start_time_unix_nano) / 1e6
        in_batch_ms = _number(told, "rootspan.batch.service_ms")
        assert _number(told, "rootspan.queue.wait_ms") + in_batch_ms <= took_ms + 0.1
        assert 0 < _number(told, "rootspan.batch.share") <= 1
        charged_ms[who["process.pid"]] += _number(told, "rootspan.batch.share_ms")
        # Linked both ways with every batch it was in.
        for link in stay.links:
            assert stay.parent_span_id in {one.span_id for one in spans[link.span_id][1].links}
    busy_ms: dict[object, float] = defaultdict(float)
    sizes = []
    for who, batch in batches:
        told = attributes_of(batch)
        assert len(batch.links) == told["rootspan.batch.size"]
        assert all(link.span_id in servers for link in batch.links)
        busy_ms[who["process.pid"]] += _number(told, "rootspan.batch.service_ms")
        sizes.append(_number(told, "rootspan.batch.size"))
    assert max(sizes) > 1  # requests did meet in batches
    # What requests are charged with is what the engines were busy, no more and no less.
    assert charged_ms == pytest.approx(busy_ms, rel=0.01)
    assert {"gen_ai.server.time_to_first_token", "gen_ai.server.time_per_output_token"} <= {
        metric.name for _, metric in receiver.metrics()
    }


def test_a_refused_attempt_is_an_error_of_the_call_and_a_retry_tells_its_number() -> None:
    with Receiver() as receiver:
        _, out = _run(
            receiver,
            *("--servers", "1", "--seconds", "1", "--rate", "80", "--max-tokens", "60"),
            *("--max-batch", "1", "--max-waiting", "1"),
        )
    assert "did not stop" not in out
    calls: dict[int, list[Span]] = {CLIENT: [], SERVER: []}
    for _, span in receiver.spans():
        if span.name == "LLM/Generate":
            calls[span.kind].append(span)
    refused = {
        span.span_id
        for span in calls[CLIENT]
        if attributes_of(span).get("rpc.response.status_code") == "RESOURCE_EXHAUSTED"
    }
    assert refused
    for span in calls[CLIENT]:
        assert (span.status.code == Status.STATUS_CODE_ERROR) == (span.span_id in refused)
    # The server did what it should: its span tells the code, and is no error.
    assert {span.status.code for span in calls[SERVER]} == {Status.STATUS_CODE_UNSET}
    told = [
        attributes_of(s).get("rpc.response.status_code") for s in calls[SERVER] if s.parent_span_id in refused
    ]
    assert set(told) == {"RESOURCE_EXHAUSTED"}
    attempts = {attributes_of(span)["rootspan.retry.attempt"] for span in calls[CLIENT]}
    assert {0, 1} <= attempts <= {0, 1, 2}

"""gRPC client, balancer, two servers and a batcher, all real processes: one connected trace a request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan.testing import Receiver, attributes_of

TESTS = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS), "OTEL_BSP_SCHEDULE_DELAY": "50"}


@contextmanager
def _role(*arguments: str) -> Iterator[str]:
    """A process of the fleet, while it is needed. Yields its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.batching_fleet", *arguments],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_client_balancer_two_servers_and_batcher_are_one_trace_with_links_both_ways(
    receiver: Receiver,
) -> None:
    to = receiver.endpoint
    with (
        _role("batcher", to) as batcher,
        _role("server", to, batcher) as first,
        _role("server", to, batcher) as second,
        _role("balancer", to, first, second) as balancer,
    ):
        done = subprocess.run(
            [sys.executable, "-m", "support.batching_fleet", "client", to, balancer, "aaaabbbb,ccccdddd"],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=40,
            check=True,
        )
    told = [answer.split() for answers in json.loads(done.stdout) for answer in answers]

    spans = {span.span_id: (attributes_of(who), span) for who, span in receiver.spans()}
    traces: dict[bytes, list[Span]] = {}
    for _, span in spans.values():
        traces.setdefault(span.trace_id, []).append(span)
    assert len(traces) == 2
    for trace in traces.values():
        # Connected: one root, and everybody's parent is there. Every process of the fleet takes part.
        assert [span.name for span in trace if not span.parent_span_id] == ["user request"]
        assert all(span.parent_span_id in spans for span in trace if span.parent_span_id)
        assert len({spans[span.span_id][0]["process.pid"] for span in trace}) == 5

    (batch,) = [span for _, span in spans.values() if span.name == "model.forward batch"]
    stays = [span for _, span in spans.values() if span.name == "model.forward"]
    requests = {span.parent_span_id for span in stays}
    assert len(stays) == len(requests) == 4
    # The batch links to what each of the four servers' calls was here, and each of them to the batch.
    assert {link.span_id for link in batch.links} == requests
    assert {spans[one][1].name for one in requests} == {"Batcher/Infer"}
    for stay in stays:
        assert [(link.trace_id, link.span_id) for link in stay.links] == [(batch.trace_id, batch.span_id)]
        assert stay.trace_id == spans[stay.parent_span_id][1].trace_id
    (kernel,) = [span for _, span in spans.values() if span.name == "kernel"]
    assert kernel.parent_span_id == batch.span_id
    assert batch.parent_span_id in requests

    # What the requests were told is what their spans tell.
    by_share = sorted((attributes_of(stay)["rootspan.batch.share"], stay.span_id) for stay in stays)
    assert [share for share, _ in by_share] == pytest.approx([2 / 16, 2 / 16, 6 / 16, 6 / 16])
    assert {batch_id for _, batch_id, _, _ in told} == {attributes_of(batch)["rootspan.batch.id"]}
    assert sorted(float(wait) for _, _, _, wait in told) == sorted(
        attributes_of(stay)["rootspan.queue.wait_ms"] for stay in stays
    )

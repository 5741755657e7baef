"""A continuously batching LLM server in virtual time, told as the SDK's `batching.Engine` tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from bench.embedded import EmbeddedStore

__all__ = ["SERVICE", "serve"]

SERVICE, REQUEST, BATCH = "llm", "llm.step", "llm.step batch"
STEP_S = 0.03
MAX_BATCH = 8
ANSWER_TOKENS = 10
_COLUMNS = (
    "Timestamp TraceId SpanId ParentSpanId SpanName SpanKind ServiceName ResourceAttributes SpanAttributes"
)
_REST = "Duration StatusCode HostName Region Links.TraceId Links.SpanId Links.TraceState Links.Attributes"


@dataclass(eq=False, slots=True)
class _Request:
    trace: str
    span: str
    arrived_s: float
    tokens: int
    left: int = ANSWER_TOKENS
    joined_s: float = 0.0
    batches: list[str] = field(default_factory=list)


def serve(
    store: EmbeddedStore,
    begin_s: float,
    end_s: float,
    *,
    large_ratio: Callable[[float], float],
    prompt_token_s: float = 2e-4,
    slow: Callable[[str, float], float] = lambda _host, _at: 1.0,
    hosts: tuple[str, ...] = ("llm-0", "llm-1"),
    per_s: float = 3.0,
) -> None:
    """Insert the spans of all requests and batches.

    Args:
        large_ratio: Share of requests of about 6,000 tokens instead of 200, at a moment.
        prompt_token_s: What a prompt's token adds to the step in which it is fed, for everyone in it.
        slow: How much longer steps of a host take, at a moment.
    """
    for number, host in enumerate(hosts):
        rng = np.random.default_rng(number)
        count = round((end_s - begin_s) * per_s)
        times = np.sort(rng.uniform(begin_s, end_s, count))
        large = rng.random(count) < [large_ratio(one) for one in times]
        tokens = np.where(large, 6_000, 200) * rng.lognormal(0, 0.3, count)
        requests = [
            _Request(rng.bytes(16).hex(), rng.bytes(8).hex(), at, int(n))
            for at, n in zip(times.tolist(), tokens.tolist(), strict=True)
        ]
        rows = list(_spans(requests, host, prompt_token_s, slow, rng))
        names = (*_COLUMNS.split(), *_REST.split())
        block = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows)
        store.raw_insert("otel_traces", [f"`{one}`" for one in names], block.encode(), fmt="JSONEachRow")


def _spans(
    requests: list[_Request],
    host: str,
    prompt_token_s: float,
    slow: Callable[[str, float], float],
    rng: np.random.Generator,
) -> Iterator[tuple[object, ...]]:
    now, active = requests[0].arrived_s, []
    waiting = list(reversed(requests))
    stretch: tuple[str, float, list[_Request]] | None = None
    while waiting or active:
        joined = []
        while waiting and waiting[-1].arrived_s <= now and len(active) < MAX_BATCH:
            joined.append(waiting.pop())
            joined[-1].joined_s = now
            active.append(joined[-1])
        if not active:
            now = waiting[-1].arrived_s
            continue
        if joined or stretch is None:
            if stretch is not None:
                yield _batch(stretch, now, host)
            stretch = rng.bytes(8).hex(), now, list(active)
            for one in active:
                one.batches.append(stretch[0])
        fed = sum(one.tokens for one in joined)
        now += (STEP_S + prompt_token_s * fed) * slow(host, now) * float(rng.lognormal(0, 0.05))
        for one in active:
            one.left -= 1
        done = [one for one in active if not one.left]
        if done:
            active = [one for one in active if one.left]
            yield _batch(stretch, now, host)
            stretch = None
            for one in done:
                yield from _request(one, now, host)


def _batch(stretch: tuple[str, float, list[_Request]], now: float, host: str) -> tuple[object, ...]:
    span, began, members = stretch
    links = [(one.trace, one.span) for one in members]
    attributes = {"rootspan.batch.id": span, "rootspan.batch.size": str(len(members))}
    return _row((members[0].trace, span, members[0].span), BATCH, (began, now), host, (attributes, links))


def _request(one: _Request, now: float, host: str) -> Iterator[tuple[object, ...]]:
    attributes = {
        "rootspan.batch.id": one.batches[0],
        "rootspan.batch.service_ms": f"{(now - one.joined_s) * 1e3:.3f}",
        "rootspan.queue.wait_ms": f"{(one.joined_s - one.arrived_s) * 1e3:.3f}",
        "gen_ai.usage.input_tokens": str(one.tokens),
        "gen_ai.usage.output_tokens": str(ANSWER_TOKENS),
    }
    links = [("0" * 32, batch) for batch in one.batches]
    yield _row((one.trace, one.span, ""), "Generate", (one.arrived_s - 1e-3, now + 1e-3), host, ({}, []))
    yield _row(
        (one.trace, one.span[::-1], one.span), REQUEST, (one.arrived_s, now), host, (attributes, links)
    )


def _row(
    ids: tuple[str, str, str],
    name: str,
    when_s: tuple[float, float],
    host: str,
    told: tuple[dict[str, str], list[tuple[str, str]]],
) -> tuple[object, ...]:
    (trace, span, parent), (begin_s, end_s), (attributes, links) = ids, when_s, told
    return (
        f"{begin_s:.9f}",
        trace,
        span,
        parent,
        name,
        "Internal" if parent else "Server",
        SERVICE,
        {"service.name": SERVICE, "host.name": host},
        attributes,
        round((end_s - begin_s) * 1e9),
        "Unset",
        host,
        "eu",
        [one for one, _ in links],
        [other for _, other in links],
        ["" for _ in links],
        [{} for _ in links],
    )

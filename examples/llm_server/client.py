"""Drives the servers: users who ask, read the text as it comes, and ask again elsewhere when refused.

Owns the client's side of a request: its span, the time to the first token as the user sees it, and retries.
Open loop: a request is due when it is due, whether or not the ones before have been answered.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

import rootspan
from rootspan import semconv

ATTEMPTS = 3
TENANTS = ("acme", "globex", "initech")
PROMPTS = (
    "Summarise the incident of last night in two sentences.",
    "Why is the p99 of the ranker in eu-west higher than in us-east?",
    "Translate: the queue is full",
    "Write a haiku about a GPU that waits for its peers, and explain every line of it to a new engineer.",
)


@dataclass(slots=True)
class Answers:
    """What came back. Times in seconds, as users see them."""

    ok: int = 0
    failed: int = 0
    refused: int = 0
    tokens: int = 0
    first_token_s: list[float] = field(default_factory=list)
    slowest_trace: str = ""

    def quantile_s(self, q: float) -> float:
        """A quantile of the time to the first token; 0 without any."""
        ordered = sorted(self.first_token_s)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def drive(
    ports: Sequence[int], *, seconds: float, rate: float, max_tokens: int, stopping: threading.Event
) -> Answers:
    """Ask `rate` times a second, servers in turn, until the time is over or `stopping` is set."""
    answers, lock = Answers(), threading.Lock()
    channels = [grpc.insecure_channel(f"127.0.0.1:{port}") for port in ports]
    encode, decode = (lambda message: json.dumps(message).encode()), json.loads
    calls = [channel.unary_stream("/LLM/Generate", encode, decode) for channel in channels]
    begin = time.monotonic()

    def ask(number: int) -> None:
        asked = {"prompt": PROMPTS[number % len(PROMPTS)], "max_tokens": max_tokens}
        in_turn = [calls[(number + attempt) % len(calls)] for attempt in range(ATTEMPTS)]
        with rootspan.baggage({"tenant.id": TENANTS[number % len(TENANTS)]}):
            _ask(in_turn, asked, answers, lock)

    with ThreadPoolExecutor(max_workers=64) as pool:
        for number in itertools.count():
            due = begin + number / rate
            if due > begin + seconds or stopping.wait(max(0.0, due - time.monotonic())):
                break
            pool.submit(ask, number)
    for channel in channels:
        channel.close()
    return answers


def _ask(calls: Sequence[Any], request: dict[str, object], answers: Answers, lock: threading.Lock) -> None:
    began = time.perf_counter()
    with rootspan.span("user request") as span:
        for attempt, call in enumerate(calls):
            with rootspan.attempt(attempt):
                text, first_s, refused = _read(call, request, began)
            with lock:
                answers.refused += refused
            if not refused:
                break
            time.sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)
        span.set_attribute(semconv.GEN_AI_TIME_TO_FIRST_CHUNK, first_s)
    with lock:
        answers.ok += bool(text)
        answers.failed += not text
        answers.tokens += len(text)
        if text:
            if first_s >= max(answers.first_token_s, default=0.0):
                answers.slowest_trace = f"{span.get_span_context().trace_id:032x}"
            answers.first_token_s.append(first_s)


def _read(call: Any, request: dict[str, object], began: float) -> tuple[str, float, bool]:
    """The text, when its first token came, and whether the request was refused."""
    text, first_s = "", 0.0
    try:
        for message in call(request, timeout=60):
            first_s = first_s or time.perf_counter() - began
            text += message["text"]
    except grpc.RpcError as err:
        return "", 0.0, err.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return text, first_s, False

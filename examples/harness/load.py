"""Asks a system at a rate and keeps what came back.

Open loop: a request is due when it is due, whether or not the ones before have been answered. And at random
times (a Poisson process, the same in every run): users do not wait for each other's turn, and where they come
together a queue forms, however fast the machine is.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

SEED = 7
Ask = Callable[[int], tuple[bool, str]]
"""Asks for the n-th time; returns whether there was an answer, and the request's trace id or ""."""


@dataclass(slots=True)
class Answers:
    """What came back. Latencies in milliseconds from when a request was due."""

    ok: int = 0
    failed: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    slowest_trace: str = ""

    def quantile_ms(self, q: float) -> float:
        """A quantile of the latencies; 0 without any."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0

    def __str__(self) -> str:
        return (
            f"{self.ok} answered, {self.failed} failed; "
            f"p50 {self.quantile_ms(0.5):.1f} ms, p95 {self.quantile_ms(0.95):.1f} ms; "
            f"slowest trace {self.slowest_trace or '-'}"
        )


def drive(ask: Ask, *, seconds: float, rate: Callable[[float], float], stopping: threading.Event) -> Answers:
    """Ask until the time is over or `stopping` is set.

    Args:
        ask: Called from many threads.
        seconds: How long.
        rate: Requests a second in the mean, by the seconds that have passed.
        stopping: Ends it early.
    """
    answers, lock, chance = Answers(), threading.Lock(), random.Random(SEED)
    begin = due = time.monotonic()

    def one(number: int, due: float) -> None:
        ok, trace_id = ask(number)
        took_ms = (time.monotonic() - due) * 1e3
        with lock:
            answers.ok += ok
            answers.failed += not ok
            if trace_id and took_ms > max(answers.latencies_ms, default=0.0):
                answers.slowest_trace = trace_id
            answers.latencies_ms.append(took_ms)

    with ThreadPoolExecutor(max_workers=64) as pool:
        for number in itertools.count():
            due += chance.expovariate(rate(due - begin))
            if due > begin + seconds or stopping.wait(max(0.0, due - time.monotonic())):
                break
            pool.submit(one, number, due)
    return answers


def over_http(ports: Sequence[int], path: str, body: Callable[[int], Mapping[str, object]]) -> Ask:
    """Posts JSON to servers on loopback, in turn."""

    def ask(number: int) -> tuple[bool, str]:
        connection = http.client.HTTPConnection("127.0.0.1", ports[number % len(ports)], timeout=5)
        try:
            headers = {"content-type": "application/json"}
            connection.request("POST", path, json.dumps(body(number)), headers)
            response = connection.getresponse()
            response.read()
            return response.status == 200, response.headers.get("x-trace-id", "")
        except OSError:
            return False, ""
        finally:
            connection.close()

    return ask

"""Drives `POST /recommend` at a steady rate and keeps what came back.

Open loop: a request is due when it is due, whether or not the ones before have been answered, as users are.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field


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


def drive(
    ports: Sequence[int], *, seconds: float, rate: Callable[[float], float], stopping: threading.Event
) -> Answers:
    """Send requests to the gateways in turn, until the time is over or `stopping` is set.

    Args:
        ports: Where the gateways listen.
        seconds: How long.
        rate: Requests a second, by the seconds that have passed.
        stopping: Ends it early.
    """
    answers, lock = Answers(), threading.Lock()
    begin = due = time.monotonic()

    def one(port: int, user: int, due: float) -> None:
        status, trace_id = _post(port, user)
        took_ms = (time.monotonic() - due) * 1e3
        with lock:
            answers.ok += status == 200
            answers.failed += status != 200
            if trace_id and took_ms > max(answers.latencies_ms, default=0.0):
                answers.slowest_trace = trace_id
            answers.latencies_ms.append(took_ms)

    with ThreadPoolExecutor(max_workers=64) as pool:
        for user, port in enumerate(itertools.cycle(ports)):
            due += 1 / rate(due - begin)
            if due > begin + seconds or stopping.wait(max(0.0, due - time.monotonic())):
                break
            pool.submit(one, port, user, due)
    return answers


def _post(port: int, user: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        body = json.dumps({"user": user})
        connection.request("POST", "/recommend", body, {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("x-trace-id", "")
    except OSError:
        return 0, ""
    finally:
        connection.close()

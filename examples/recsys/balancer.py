"""The balancer: rankers of its own region in turn, another one when that fails, the other region at last."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Sequence

import grpc
from examples.harness.wire import Message

import rootspan

ATTEMPTS = 3
_log = logging.getLogger("recsys.balancer")


class Balancer:
    """Answers `Balancer/Recommend`.

    `first_share()` is the share of requests that go to the first ranker whatever its turn: 0 when healthy.
    """

    def __init__(
        self,
        near: Sequence[Callable[..., Message]],
        far: Sequence[Callable[..., Message]],
        first_share: Callable[[], float],
    ) -> None:
        self._first, self._first_share, self._owed = near[0], first_share, 0.0
        self._near, self._far = itertools.cycle(near), itertools.cycle(far)
        self._lock = threading.Lock()

    def recommend(self, request: Message, context: grpc.ServicerContext) -> Message:
        """The first answer of up to three attempts."""
        for attempt in range(ATTEMPTS):
            rank = next(self._far) if attempt == ATTEMPTS - 1 else self._choose()
            try:
                with rootspan.attempt(attempt):
                    answer = rank(request, timeout=1.0)
            except grpc.RpcError as err:
                _log.warning("attempt %d failed: %s", attempt, err.code().name)
                continue
            rootspan.set_attributes({"app.attempts": attempt + 1})
            return answer
        rootspan.set_attributes({"app.attempts": ATTEMPTS})
        context.abort(grpc.StatusCode.UNAVAILABLE, "no ranker answered")
        raise AssertionError("abort() raises")

    def _choose(self) -> Callable[..., Message]:
        with self._lock:
            self._owed += self._first_share()
            if self._owed >= 1:
                self._owed -= 1
                return self._first
        return next(self._near)

"""The balancer: rankers of its own region in turn, another one when that fails, the other region at last."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence

import grpc
from examples.recsys.wire import Message

import rootspan

ATTEMPTS = 3
_log = logging.getLogger("recsys.balancer")


class Balancer:
    """Answers `Balancer/Recommend`."""

    def __init__(self, near: Sequence[Callable[..., Message]], far: Sequence[Callable[..., Message]]) -> None:
        self._near, self._far = itertools.cycle(near), itertools.cycle(far)

    def recommend(self, request: Message, context: grpc.ServicerContext) -> Message:
        """The first answer of up to three attempts."""
        for attempt in range(ATTEMPTS):
            rank = next(self._far if attempt == ATTEMPTS - 1 else self._near)
            try:
                answer = rank(request, timeout=1.0)
            except grpc.RpcError as err:
                _log.warning("attempt %d failed: %s", attempt, err.code().name)
                continue
            rootspan.set_attributes({"app.attempts": attempt + 1})
            return answer
        rootspan.set_attributes({"app.attempts": ATTEMPTS})
        context.abort(grpc.StatusCode.UNAVAILABLE, "no ranker answered")
        raise AssertionError("abort() raises")

"""The feature store: looks up a user's features; can be made to fail."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

import grpc
from examples.harness.wire import Message

import rootspan

_log = logging.getLogger("recsys.features")


class FeatureStore:
    """Answers `FeatureStore/Get`. From the moment `failing()` is true, about half of the look-ups fail."""

    def __init__(self, failing: Callable[[], bool]) -> None:
        self._failing = failing
        self._random = random.Random()

    def get(self, request: Message, context: grpc.ServicerContext) -> Message:
        """A row for each candidate."""
        try:
            rows = self._look_up(request["user"])
        except KeyError as err:
            rootspan.current_span().record_exception(err)
            _log.error("look-up failed: %s", err)
            context.abort(grpc.StatusCode.INTERNAL, "feature look-up failed")
        rootspan.set_attributes({"app.rows": rows})
        return {"rows": rows}

    def _look_up(self, user: int) -> int:
        time.sleep(self._random.lognormvariate(-6.2, 0.3))
        if self._failing() and self._random.random() < 0.5:
            raise KeyError("feature row missing: user_history_v4")
        return 16 + user % 112

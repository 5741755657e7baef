"""Keeps our own mistakes out of the program: hooks run inside its calls and must not fail them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")
_logger = logging.getLogger("rootspan")


def harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """Have an exception of a hook end in a log line."""

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except Exception as err:
            _logger.warning("rootspan.%s failed: %s: %s", hook.__name__, type(err).__name__, err)

    return guarded

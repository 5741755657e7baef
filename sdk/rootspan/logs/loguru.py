"""Ships loguru's records, and gives them trace, span, rank and step for a format of the program's own.

Owns a sink and a patcher. The sink stays when the program replaces its own: `logger.remove()` without an id
is how loguru's default output is taken away.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from loguru import logger

from rootspan.logs import shipping
from rootspan.logs.context import ABSENT, FIELDS, context_fields


def install() -> None:
    """Add the sink, and `{extra[trace_id]}`, `[span_id]`, `[rank]` and `[step]` to every record."""
    kind: Any = type(logger)
    original: Callable[..., None] = kind.remove
    earlier = getattr(getattr(logger, "_core", None), "patcher", None)

    def patch(record: Any) -> None:
        if earlier is not None:
            earlier(record)
        found = context_fields()
        for name in FIELDS:
            record["extra"].setdefault(name, found.get(name, ABSENT))

    @functools.wraps(original)
    def remove(self: Any, handler_id: int | None = None) -> None:
        original(self, handler_id)
        if handler_id is None:
            _add()

    kind.remove = remove
    logger.configure(patcher=patch)
    _add()


def _add() -> None:
    # Without catch, a mistake of ours would be the program's; without a format, nothing is rendered for us.
    logger.add(_sink, level=0, format="{message}", catch=True)


def _sink(message: Any) -> None:
    target = shipping.provider()
    if target is None or shipping.this_thread.in_handlers:
        return
    record = message.record
    shipping.ship(target, record["name"] or "loguru", lambda: _translate(record))


def _translate(record: Any) -> Any:
    extras = dict(record["extra"])
    extras["code.file.path"] = record["file"].path
    extras["code.line.number"] = record["line"]
    extras["code.function.name"] = record["function"]
    error = record["exception"].value if record["exception"] is not None else None
    made_ns = int(record["time"].timestamp() * 1e9)
    return shipping.record(made_ns, record["level"].no, str(record["message"]), extras, error)

"""How much a request is worth keeping when the log fills up. Looks for bytes; parses nothing.

Asked only under pressure, of whole requests: a batch that holds one failed span is kept with its ordinary
ones. A pattern may be found where it means something else; then a request is kept that could have gone. Slow
spans cannot be told without walking spans, and are not.
"""

from __future__ import annotations

import re
from enum import IntEnum

from rootspan_store.ingest import Signal

__all__ = ["Worth", "worth_of"]


class Worth(IntEnum):
    """In the order of refusal: the first goes first."""

    LOW = 0
    ORDINARY = 1
    HIGH = 2


# Span.status (15) with Status.code (3) = ERROR (2), after a message (2) of up to 120 bytes or none.
_ERROR_SPAN = re.compile(rb"\x7a[\x02-\x7f](?:\x12[\x00-\x78][^\x00]{0,120}?)?\x18\x02", re.DOTALL)
_STEP = re.compile(rb"train\.step|training\.step|rootspan\.batch\.steps")
# Span.name (5) of the usual health checks.
_HEALTH = re.compile(
    rb"\x2a[\x01-\x7f](?:[A-Z]{3,7} )?(?:/?grpc\.health\.v1|/(?:health|ready|live)z?[^/a-z])"
)
# LogRecord.severity_number (2): ERROR is 17 and above, INFO 9 and above; after time_unix_nano (1) as every
# serializer writes it.
_ERROR_LOG = re.compile(rb"\x10[\x11-\x18]")
_DEBUG_LOG = re.compile(rb"\x09.{8}\x10[\x01-\x08]", re.DOTALL)


def worth_of(signal: Signal, payload: bytes, items: int) -> Worth:
    """Return the worth of one Export…ServiceRequest of so many items.

    Errors and training steps are worth most; batches of nothing but health checks, or of nothing above DEBUG,
    least.
    """
    if signal is Signal.TRACES:
        if _ERROR_SPAN.search(payload) or _STEP.search(payload):
            return Worth.HIGH
        return _low_if(len(_HEALTH.findall(payload)) >= items)
    if signal is Signal.LOGS:
        if _ERROR_LOG.search(payload):
            return Worth.HIGH
        return _low_if(len(_DEBUG_LOG.findall(payload)) >= items)
    return Worth.ORDINARY


def _low_if(is_low: bool) -> Worth:
    return Worth.LOW if is_low else Worth.ORDINARY

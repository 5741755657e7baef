"""How much a request is worth keeping when the log fills up. Looks for bytes; parses nothing.

Asked only under pressure, of whole requests: a batch that holds one failed span is kept with its ordinary
ones. A pattern may be found where it means something else, which keeps a request that could have gone; never
the other way round. Slow spans cannot be told without walking spans, and are not.
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
_HEALTH = re.compile(rb"grpc\.health\.v1|/healthz?\b|/readyz|/livez|/ready\b")
# LogRecord.severity_number (2): ERROR is 17 and above, INFO 9 and above.
_ERROR_LOG = re.compile(rb"\x10[\x11-\x18]")
_INFO_LOG = re.compile(rb"\x10[\x09-\x18]")
_SOME_SEVERITY = re.compile(rb"\x10[\x01-\x08]")


def worth_of(signal: Signal, payload: bytes) -> Worth:
    """Return the worth of one Export…ServiceRequest.

    Errors and training steps are worth most; health checks, and logs of which none is above DEBUG, least.
    """
    if signal is Signal.TRACES:
        if _ERROR_SPAN.search(payload) or _STEP.search(payload):
            return Worth.HIGH
        return Worth.LOW if _HEALTH.search(payload) else Worth.ORDINARY
    if signal is Signal.LOGS:
        if _ERROR_LOG.search(payload):
            return Worth.HIGH
        is_debug = _SOME_SEVERITY.search(payload) and not _INFO_LOG.search(payload)
        return Worth.LOW if is_debug else Worth.ORDINARY
    return Worth.ORDINARY

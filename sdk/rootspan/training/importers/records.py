"""What importers make: spans and log events that happened elsewhere, each with its own resource. Pure
data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from rootspan.errors import RootspanError
from rootspan.spans.scope import AttributeValue


class ImportFailedError(RootspanError):
    """A file cannot be read as what it was said to be; the message names the file and why."""


@dataclass(frozen=True, slots=True)
class ImportedSpan:
    """A span with ids and times of its own. `end_ns` 0: it did not end before the recording did."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int
    resource: Mapping[str, AttributeValue]
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """A log record that is an event."""

    name: str
    body: str
    time_ns: int
    severe: bool
    resource: Mapping[str, AttributeValue]
    attributes: Mapping[str, AttributeValue]
    trace_id: int = 0
    span_id: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """What was found, in order of time."""

    spans: tuple[ImportedSpan, ...]
    events: tuple[ImportedEvent, ...] = ()


def derived_id(size_bytes: int, *parts: object) -> int:
    """An id that the same parts always give, never 0: importing a file twice makes no new traces."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=size_bytes).digest(), "big") or 1

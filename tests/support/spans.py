"""A sink for spans of the fast path."""

from __future__ import annotations

from rootspan.tracing.recording import RecordedSpan

__all__ = ["Kept"]


class Kept:
    """Keeps the spans that end."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    def offer(self, span: RecordedSpan, /) -> None:
        self.spans.append(span)

    def flush(self, _timeout_s: float, /) -> bool:
        return True

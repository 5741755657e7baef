"""The peer's own duration, as it travels back to the caller.

Owns the text of `server-timing`, an HTTP header and a gRPC trailer alike: `total;dur=12.345`, milliseconds.
Pure. With it a client span knows its edge gap: what the call took beyond what the peer worked.
"""

from __future__ import annotations

NAME = "server-timing"
_METRIC = "total"


def render(duration_ms: float) -> str:
    """The value of the header for a duration in milliseconds."""
    return f"{_METRIC};dur={duration_ms:.3f}"


def parse(value: str | bytes | None) -> float | None:
    """The peer's total duration in milliseconds; None where there is none or it makes no sense."""
    if value is None:
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    for entry in text.split(","):
        metric, *parameters = (part.strip() for part in entry.split(";"))
        if metric != _METRIC:
            continue
        for parameter in parameters:
            key, _, number = parameter.partition("=")
            if key.strip().lower() == "dur":
                try:
                    duration_ms = float(number.strip().strip('"'))
                except ValueError:
                    return None
                return duration_ms if 0 <= duration_ms < float("inf") else None
    return None

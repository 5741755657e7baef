"""Durations as people and links write them: `120ms`, `1.5s`, `850us`. Pure."""

import re
from typing import Final

__all__ = ["parse_duration", "write_duration"]

UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
}
LONGEST_NS: Final = 2**63
_WRITTEN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(ns|us|µs|μs|ms|s|min|h)?")


def parse_duration(text: str) -> int | None:
    """Nanoseconds of `120ms` and the like; a bare number is milliseconds.

    None if it is not such a text, or longer than the store can hold.
    """
    match = _WRITTEN.fullmatch(text.strip().lower())
    if match is None:
        return None
    ns = round(float(match[1]) * UNITS[match[2] or "ms"])
    return ns if ns < LONGEST_NS else None


def write_duration(ns: int) -> str:
    """The shortest text that `parse_duration` reads back, to four digits that count."""
    if ns <= 0:
        return "0ms"
    rounded = float(f"{ns:.4g}")
    for unit in ("s", "ms", "us"):
        if rounded >= UNITS[unit]:
            return f"{rounded / UNITS[unit]:.10g}{unit}"
    return f"{rounded:.0f}ns"

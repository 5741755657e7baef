"""Reads times as people write them: RFC 3339, unix nanoseconds, or a duration ago. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from rootspan_cli.errors import WrongUse

__all__ = ["parse_duration_ns", "parse_time_ns", "rfc3339"]

_NS: Final = 1_000_000_000
_UNITS_NS: Final[Mapping[str, int]] = {
    "s": _NS,
    "m": 60 * _NS,
    "h": 3600 * _NS,
    "d": 86_400 * _NS,
}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+", re.ASCII)
_STEP: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_2001: Final = 10**18
"""Fewer nanoseconds than this lie before September 2001: somebody gave seconds, milli- or microseconds."""
_HOW: Final = "give RFC 3339 (2026-05-04T10:00:00Z), unix nanoseconds, or a time ago (15m, 2h, 1h30m)"


def parse_duration_ns(text: str) -> int:
    """Read a duration such as `90s`, `15m`, `1h30m` or `1.5h` into nanoseconds; units are s, m, h and d.

    Raises:
        WrongUse: It is none, or is not longer than nothing.
    """
    word = text.strip()
    if not _DURATION.fullmatch(word):
        raise WrongUse(f"{text!r} is not a duration; give a number with s, m, h or d, such as 15m or 1h30m")
    total = sum(round(float(number) * _UNITS_NS[unit]) for number, unit in _STEP.findall(word))
    if total <= 0:
        raise WrongUse(f"{text!r} is no time at all; give a duration above 0, such as 15m")
    return total


def parse_time_ns(text: str, *, now_ns: int) -> int:
    """Read a moment into unix nanoseconds.

    Args:
        text: RFC 3339 with an offset (down to nanoseconds), unix nanoseconds, or a duration before now.
        now_ns: What "ago" counts from.

    Raises:
        WrongUse: It is none of these, or no such date exists.
    """
    word = text.strip()
    if word.isascii() and word.isdigit():
        if not _NS_2001 <= int(word) < 2**63:
            raise WrongUse(f"{text!r} is not a moment in unix nanoseconds (19 digits today); {_HOW}")
        return int(word)
    if _DURATION.fullmatch(word):
        return now_ns - parse_duration_ns(word)
    match = _RFC3339.fullmatch(word)
    if match is None:
        raise WrongUse(f"{text!r} is not a time; {_HOW}")
    day, clock, fraction, offset = match.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError as err:
        raise WrongUse(f"{text!r} is not a time that exists ({err}); {_HOW}") from err
    return (whole - _EPOCH) // timedelta(seconds=1) * _NS + int((fraction or "").ljust(9, "0"))


def rfc3339(unix_ns: int) -> str:
    """A moment as RFC 3339 in UTC, cut to milliseconds."""
    moment = _EPOCH + timedelta(seconds=unix_ns // _NS)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ns % _NS // 1_000_000:03d}Z"

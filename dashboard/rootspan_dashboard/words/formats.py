"""Numbers, durations and times as a person reads them: three digits that count, one unit, the same
everywhere.

Pure. The components' JavaScript has the same rules (components/format.js).
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

__all__ = [
    "NO_VALUE",
    "format_change",
    "format_count",
    "format_ms",
    "format_number",
    "format_range",
    "format_rate",
    "format_ratio",
    "format_step",
    "format_tick",
    "format_time",
    "format_value",
]

NO_VALUE: Final = "–"
SPACE: Final = "\u00a0"
_PREFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ZEROS: Final = re.compile(r"(\d)\.(\d*?)0+(?!\d)")
NS_PER_S: Final = 1_000_000_000


def _digits(value: float) -> str:
    """Three significant digits without an exponent: 0.0123, 1.23, 12.3, 123."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    # 9.996 rounds to 10.00: look at the magnitude of what will be printed.
    magnitude = math.floor(math.log10(abs(float(f"{value:.2e}")))) if magnitude < 3 else magnitude
    decimals = min(4, max(0, 2 - magnitude))
    text = f"{value:.{decimals}f}"
    return "0" if float(text) == 0 else text


def format_number(value: float | None, unit: str = "") -> str:
    """`12.3 k`, `1.51 M`; with a unit `1.2 k/s`. Below 1,000 without prefix. A unit is set off by a space."""
    if value is None or not math.isfinite(value):
        return NO_VALUE
    gap = "" if unit.startswith("/") else SPACE
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.9995:
            return f"{_digits(value / factor)}{SPACE}{prefix}{unit}"
    return f"{_digits(value)}{gap}{unit}" if unit else _digits(value)


def format_count(value: float | None) -> str:
    """Whole things: exact below 10,000, then with a prefix."""
    if value is None or not math.isfinite(value):
        return NO_VALUE
    return f"{round(value):,}" if abs(value) < 10_000 else format_number(value)


def format_rate(per_s: float | None) -> str:
    """`1.2 k/s`."""
    return format_number(per_s, "/s")


def format_ms(ms: float | None) -> str:
    """A duration given in milliseconds: `850 µs`, `34.5 ms`, `1.24 s`, `2 min 3 s`, `1 h 4 min`."""
    if ms is None or not math.isfinite(ms):
        return NO_VALUE
    size = abs(ms)
    if size >= 119_500:
        return _minutes(round(ms / 1000))
    for least, factor, unit in ((999.5, 1e-3, "s"), (0.9995, 1.0, "ms"), (0.0009995, 1e3, "µs")):
        if size >= least:
            return f"{_digits(ms * factor)}{SPACE}{unit}"
    return f"{_digits(ms * 1e6)}{SPACE}ns" if ms else f"0{SPACE}ms"


def _minutes(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60}{SPACE}min {seconds % 60}{SPACE}s"
    return f"{seconds // 3600}{SPACE}h {seconds % 3600 // 60}{SPACE}min"


def format_ratio(ratio: float | None) -> str:
    """A share as a percentage: `0.06 %`, `12.5 %`; what is not 0 never reads 0."""
    if ratio is None or not math.isfinite(ratio):
        return NO_VALUE
    percent = ratio * 100
    if 0 < abs(percent) < 0.001:
        return f"<{SPACE}0.001{SPACE}%"
    size = abs(percent)
    decimals = 3 if size < 0.01 else 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{percent:.{decimals}f}{SPACE}%" if percent else f"0{SPACE}%"


def format_value(value: float | None, unit: str) -> str:
    """A value in one of the units that charts use.

    `ms`, `ratio`, `/s`, `Cel`, `By`, or any other as it is.
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE
    known: dict[str, Callable[[float], str]] = {
        "ms": format_ms,
        "ratio": format_ratio,
        "Cel": lambda celsius: f"{celsius:.1f}{SPACE}°C",
        "By": lambda size: format_number(size, "B"),
        "MHz": lambda clock: f"{clock:,.0f}{SPACE}MHz",
        "times": lambda times: f"{_digits(times)}{SPACE}×",
    }
    return known[unit](value) if unit in known else format_number(value, unit)


def format_tick(value: float, unit: str) -> str:
    """A value on an axis: `10 ms`, `1.5 k/s`, without zeros that say nothing."""
    return _ZEROS.sub(
        lambda found: f"{found[1]}.{found[2]}" if found[2] else found[1], format_value(value, unit)
    )


def format_change(now: float | None, before: float | None) -> str | None:
    """Relative change with its sign, `+12 %`, or `unchanged`; None without two finite numbers or from 0."""
    if now is None or before is None or not (math.isfinite(now) and math.isfinite(before)) or before == 0:
        return None
    percent = (now / before - 1) * 100
    if abs(percent) >= 1000:
        return f"{_digits(now / before)}{SPACE}×"
    shown = f"{percent:+.1f}" if abs(percent) < 9.95 else f"{percent:+.0f}"
    return f"{shown}{SPACE}%".replace("-", "\u2212") if abs(percent) >= 0.05 else "unchanged"


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS_PER_S, UTC)


def format_time(ns: int, *, date: bool = False, fraction: int = 0) -> str:
    """Time of day in UTC, `17:33:20`, with milliseconds or more digits if asked.

    With the date before if asked.
    """
    moment = _moment(ns)
    text = f"{moment:%Y-%m-%d %H:%M:%S}" if date else f"{moment:%H:%M:%S}"
    return f"{text}.{ns % NS_PER_S:09d}"[: len(text) + 1 + fraction] if fraction else text


def format_step(step_s: int) -> str:
    """The length of a bucket of time: `15 s`, `1 min`, `2 h`."""
    for least, unit in ((3600, "h"), (60, "min")):
        if step_s >= least and step_s % least == 0:
            return f"{step_s // least}{SPACE}{unit}"
    return f"{step_s}{SPACE}s"


def format_range(from_ns: int, to_ns: int) -> str:
    """`22 Nov 17:03 – 17:33 UTC`; the second date only if it differs, seconds only in short ranges."""
    begin, end = _moment(from_ns), _moment(to_ns)
    clock = "%H:%M:%S" if to_ns - from_ns < 600 * NS_PER_S else "%H:%M"
    same_day = begin.date() == end.date()
    last = f"{end:{clock}}" if same_day else f"{end.day} {end:%b {clock}}"
    return f"{begin.day} {begin:%b {clock}} – {last} UTC"

"""Reads a line of a log file: when, how severe, by whom, and what. Pure; what it cannot read stays whole."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Self

__all__ = ["SEVERITIES", "Record", "read_line"]

SEVERITIES: Final[Mapping[int, tuple[int, str]]] = {
    0: (21, "FATAL"),
    1: (21, "FATAL"),
    2: (21, "FATAL"),
    3: (17, "ERROR"),
    4: (13, "WARN"),
    5: (10, "INFO"),
    6: (9, "INFO"),
    7: (5, "DEBUG"),
}
"""OpenTelemetry's number and name by syslog's priority (RFC 5424)."""
_WORDS: Final = {
    "trace": (1, "TRACE"),
    "debug": (5, "DEBUG"),
    "info": (9, "INFO"),
    "notice": (10, "INFO"),
    "warn": (13, "WARN"),
    "warning": (13, "WARN"),
    "error": (17, "ERROR"),
    "err": (17, "ERROR"),
    "fatal": (21, "FATAL"),
    "critical": (21, "FATAL"),
    "crit": (21, "FATAL"),
}
_ISO: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_RFC3164: Final = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
_SYSLOG: Final = re.compile(
    rf"(?:<(?P<pri>\d{{1,3}})>(?:1 )?)?(?P<at>{_ISO}|{_RFC3164}) (?P<host>[\w.:-]+) "
    r"(?P<program>[\w./-]+)(?:\[(?P<pid>\d+)\])?: ?(?P<what>.*)",
    re.DOTALL,
)
_STAMPED: Final = re.compile(
    rf"\[?(?P<at>{_ISO})\]?[ ,:|-]+(?:\[?(?P<level>[A-Za-z]{{3,8}})\]?\b)?", re.DOTALL
)
_KLOG: Final = re.compile(
    r"(?P<level>[IWEF])(?P<month>\d\d)(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d{6}) +"
    r"(?P<pid>\d+) [\w./-]+:\d+\] "
)
"""Of Kubernetes' own programs: https://github.com/kubernetes/klog, header of a line."""
_KLOG_WORDS: Final = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_UPTIME: Final = re.compile(r"\[ *\d+\.\d+\] ?")
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Record:
    """A log record.

    Attributes:
        time_ns: Unix nanoseconds; 0 where the line does not tell.
        severity: OpenTelemetry's number; 0 where the line does not tell.
        host, program: As the line says; empty where it does not.
        event: Name of what happened, where that is known; then `attributes` say more.
    """

    body: str
    time_ns: int = 0
    severity: int = 0
    severity_text: str = ""
    host: str = ""
    program: str = ""
    event: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)

    def telling(self, event: str, attributes: Mapping[str, str | int], severity: tuple[int, str]) -> Self:
        """The record as that of an event.

        Args:
            event: Its name.
            attributes: What is known of it.
            severity: Number and word, at least; a worse one of the line stays.
        """
        number, word = max(severity, (self.severity, self.severity_text), key=lambda one: one[0])
        return replace(
            self,
            event=event,
            severity=number,
            severity_text=word,
            attributes={**self.attributes, **attributes},
        )


def read_line(text: str, now_ns: int) -> Record:
    """A line of syslog, JSON, or whatever else.

    Args:
        text: Without its line end.
        now_ns: Unix nanoseconds; RFC 3164 tells no year.
    """
    if text.startswith("{"):
        return _json(text) or Record(text)
    match = _SYSLOG.match(text)
    if match is not None:
        number, word = SEVERITIES[int(match["pri"]) & 7] if match["pri"] else (0, "")
        what = match["what"]
        if match["program"] == "kernel":
            what = _UPTIME.sub("", what, count=1)
        return Record(
            body=what,
            time_ns=_time_ns(match["at"], now_ns),
            severity=number,
            severity_text=word,
            host=match["host"],
            program=match["program"],
            attributes={"process.pid": int(match["pid"])} if match["pid"] else {},
        )
    if (klog := _KLOG.match(text)) is not None:
        number, word = _WORDS[_KLOG_WORDS[klog["level"]]]
        at = _without_year(f"{klog['month']} {klog['day']} {klog['clock']}", "%m %d %H:%M:%S.%f", now_ns)
        return Record(text[klog.end() :], at, number, word, attributes={"process.pid": int(klog["pid"])})
    stamped = _STAMPED.match(text)
    if stamped is None:
        return Record(text)
    number, word = _WORDS.get((stamped["level"] or "").lower(), (0, ""))
    return Record(text, time_ns=_time_ns(stamped["at"], now_ns), severity=number, severity_text=word)


def _json(text: str) -> Record | None:
    """A JSON line by the names that loggers use; None if it is no object."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    number, word = _WORDS.get(str(told.get("level") or told.get("severity") or "").lower(), (0, ""))
    at = told.get("time") or told.get("timestamp") or told.get("ts") or told.get("@timestamp") or ""
    time_ns = 0
    if isinstance(at, str) and re.fullmatch(_ISO, at):
        time_ns = _time_ns(at, 0)
    elif isinstance(at, int | float) and 1e9 < at < 1e10:
        time_ns = round(at * 1e9)
    return Record(text, time_ns=time_ns, severity=number, severity_text=word)


def _time_ns(text: str, now_ns: int) -> int:
    """Unix nanoseconds; 0 for a time that does not exist. Without a zone it is this machine's."""
    if text[0].isdigit():
        try:
            return round(datetime.fromisoformat(text.replace(",", ".")).timestamp() * 1e6) * 1000
        except ValueError:
            return 0
    return _without_year(text, "%b %d %H:%M:%S", now_ns)


def _without_year(text: str, form: str, now_ns: int) -> int:
    """Unix nanoseconds, of the last year where this year's day is still to come; 0 for no such time."""
    now = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone()
    try:
        at = datetime.strptime(f"{now.year} {text}", f"%Y {form}").astimezone()
    except ValueError:
        return 0
    if (at - now).total_seconds() > _DAY_S:
        at = at.replace(year=now.year - 1)
    return round(at.timestamp() * 1e6) * 1000

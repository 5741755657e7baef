"""What a search asks of traces: conditions on a span's fields and attributes, and the order of the list."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import quote, unquote

__all__ = ["LONGEST_NS", "OPERATORS", "Condition", "Operator", "TraceFilter", "TraceOrder"]

TraceOrder = Literal["slowest", "newest", "failed", "random"]
Operator = Literal["=", "!=", "~", ">", "<", "exists"]
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
LONGEST_NS: Final = (1 << 64) - 1
_WRITTEN = re.compile(r"([^ ]+) (=|!=|~|>|<|exists)(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """What an attribute of the span, or else of its resource, must be.

    Attributes:
        operator: `~`: contains, whatever the case; `>` and `<`: as numbers; `exists`: any value.
    """

    key: str
    operator: Operator
    value: str = ""

    def write(self) -> str:
        """As it stands in a link; `read` reads it back."""
        return f"{quote(self.key, safe='._-/')} {self.operator} {self.value}".rstrip(" ")

    @staticmethod
    def read(text: str) -> "Condition | None":
        """The condition that `write` wrote; None if it is not one."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            return None
        operator = next(one for one in OPERATORS if one == match[2])
        return Condition(unquote(match[1]), operator, match[3] or "")


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which spans stand for traces in a list; empty names and bounds mean all.

    Without service, host, operation and conditions a trace is listed by its root span.
    `without` is a (service, host) pair that must not be the span's own.
    """

    service: str = ""
    host: str = ""
    region: str = ""
    operation: str = ""
    without: tuple[str, str] = ("", "")
    min_duration_ns: int = 0
    max_duration_ns: int = LONGEST_NS
    failed: bool = False
    where: tuple[Condition, ...] = ()

    @property
    def by_root(self) -> bool:
        """Whether traces are listed by their root spans."""
        return not (self.service or self.host or self.operation or self.where)

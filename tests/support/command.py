"""A command line run in this process, and what it left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Outcome", "Run"]


@dataclass(frozen=True)
class Outcome:
    """Exit status, stdout and stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, if it is JSON."""
        return json.loads(self.out)


class Run(Protocol):
    """Runs `rootspan ARGUMENTS` to its end."""

    def __call__(self, *arguments: str) -> Outcome: ...

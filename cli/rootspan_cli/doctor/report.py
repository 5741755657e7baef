"""A check and the report that checks make. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Check", "Report"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        is_ok: Whether it is as it should be.
        said: What was found, for a person.
        next_step: What to do about it; empty if there is nothing to do.
        facts: The figures behind it, for a script.
    """

    name: str
    is_ok: bool
    said: str
    next_step: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """As `doctor --json` writes it."""
        return {
            "name": self.name,
            "ok": self.is_ok,
            "text": self.said,
            "next_step": self.next_step,
            **self.facts,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order in which they were made."""

    checks: tuple[Check, ...]

    @property
    def is_ok(self) -> bool:
        """Whether everything is as it should be."""
        return all(check.is_ok for check in self.checks)

    def to_json(self) -> dict[str, object]:
        """As `doctor --json` prints it."""
        return {"ok": self.is_ok, "checks": [check.to_json() for check in self.checks]}

"""Reads environment variables and keeps a list of those that could not be used.

Pure over the mapping it is given. Refuses to raise: a wrong variable falls back to its default, and is
listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload


class Environment:
    """Typed reads over a mapping of environment variables.

    Attributes:
        problems: What was wrong with which variable, and what is used instead; in order of reading.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    @overload
    def text(self, name: str) -> str | None: ...
    @overload
    def text(self, name: str, default: str) -> str: ...
    def text(self, name: str, default: str | None = None) -> str | None:
        """The variable without surrounding blanks; empty counts as not set, as OpenTelemetry has it."""
        return self._variables.get(name, "").strip() or default

    def number(self, name: str, default: float, *, low: float, high: float = float("inf")) -> float:
        """The variable as a number within [low, high], or the default."""
        text = self.text(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            self.problem(name, text, "not a number", f"{default:g}")
            return default
        if not low <= value <= high:
            self.problem(name, text, f"outside {low:g} to {high:g}", f"{default:g}")
            return default
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """True for `true`, False for `false`, in any case; anything else is a problem."""
        text = self.text(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false"):
            self.problem(name, text, "not true or false", str(default).lower())
            return default
        return text.lower() == "true"

    def problem(self, name: str, value: str, reason: str, instead: str) -> None:
        """Note that a variable cannot be used."""
        self.problems.append(f"{name}={value!r}: {reason}; using {instead}")

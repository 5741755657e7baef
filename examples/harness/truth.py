"""What a diagnosis of an injected fault has to say, and whether it does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Answer = Mapping[str, Any]
"""What `rootspan why --json` prints."""


@dataclass(frozen=True, slots=True)
class Truth:
    """An injected fault in the words of a diagnosis.

    Attributes:
        says: One sentence for a person.
        entities: The first cause names one of these: every attribute, with this value. Empty: there must be
            no cause at all.
        faults: And its `fault` is one of these; empty: any.
        alone: Whether no other cause may be named beside it.
        verdict: An answer without a cause that is as good, such as `load`.
    """

    says: str
    entities: tuple[Mapping[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    verdict: str = field(default="")
    alone: bool = False

    def is_told(self, answer: Answer) -> bool:
        """Whether the answer's first cause is this."""
        causes = answer["causes"]
        if not causes:
            # "Nothing is wrong" is told by any answer that blames nobody.
            return answer["verdict"] == self.verdict if self.verdict or self.entities else True
        if self.alone and len(causes) > 1:
            return False
        first = causes[0]
        named = any(_names(first["entity"], one) for one in self.entities)
        return named and (not self.faults or first["fault"] in self.faults)


HEALTHY = Truth("nothing is wrong")


def _names(entity: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(entity.get(name) == value for name, value in wanted.items())


def in_words(answer: Answer) -> str:
    """The first cause in a few words, or the verdict."""
    if not answer["causes"]:
        return str(answer["verdict"])
    first = answer["causes"][0]
    return f"{first['fault']}: " + ", ".join(str(one) for one in first["entity"].values())

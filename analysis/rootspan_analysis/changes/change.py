"""What a change of the fleet is, and which things it can have touched. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["KINDS", "Change"]

KINDS: Final = ("deploy", "config", "feature-flag", "driver", "kernel", "topology", "scale", "other")


@dataclass(frozen=True, slots=True)
class Change:
    """One event.

    Attributes:
        id: The same for an event that arrives twice.
        time_ns: When it took effect, unix nanoseconds; of one that telemetry shows, when it was first seen.
        kind: One of `KINDS`, or another word that a sender chose.
        scope: What was changed, by attributes (semantic-convention names); empty: the whole fleet.
        text: In a person's words; may be empty.
        previous: What it was before (a version, a value); may be empty.
        author: Who; may be empty.
        source: `cli`, `otlp`, or `telemetry` for what was found.
    """

    id: str
    time_ns: int
    kind: str
    scope: Mapping[str, str]
    text: str
    previous: str
    author: str
    source: str

    def touches(self, dims: Mapping[str, str]) -> bool:
        """Whether it can be about a thing: they agree on what both name, and both name something.

        A change of the callee of an edge (`peer.service`) touches the edge. A host may be one of several in
        `dims`, joined by commas. A change without a scope touches everything, and so do empty `dims`.
        """
        if not self.scope or not dims:
            return True
        shared = 0
        for name, value in self.scope.items():
            there = _named(name, dims)
            if not there:
                continue
            if value not in there:
                return False
            shared += 1
        return shared > 0

    def to_json(self) -> dict[str, object]:
        """One object, for scripts."""
        return {
            "id": self.id,
            "time_unix_ns": self.time_ns,
            "kind": self.kind,
            "scope": dict(self.scope),
            "text": self.text,
            "previous": self.previous,
            "author": self.author,
            "source": self.source,
        }

    def words(self) -> str:
        """In a line: `deploy of ranker 1.4.2 (was 1.4.1): new kernel, by ci`."""
        values = " ".join(value for _, value in sorted(self.scope.items()))
        was = f" (was {self.previous})" if self.previous else ""
        text = f": {' '.join(self.text.split())[:120]}" if self.text else ""
        by = f", by {self.author}" if self.author else ""
        return f"{self.kind} of {values or 'the fleet'}{was}{text}{by}"


def _named(name: str, dims: Mapping[str, str]) -> set[str]:
    """Values that `dims` has for an attribute of a scope."""
    found = set(dims.get(name, "").split(","))
    if name == "service.name":
        found.add(dims.get("peer.service", ""))
    return found - {""}

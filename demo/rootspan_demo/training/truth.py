"""What was planted in a job, and whether an answer says so. Never part of the telemetry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rootspan_demo.training.config import TrainingFault

__all__ = ["TrainingTruth"]


@dataclass(frozen=True, slots=True)
class TrainingTruth:
    """The planted fault of one job.

    Attributes:
        kinds: Kinds of cause that name it; empty if no cause may be named.
        entity: Attributes that the first cause must have, with these values.
        faults: What may be said to be wrong with it.
        onset_unix_ns: When it began; None if it was there from the start, or there is none.
    """

    kind: TrainingFault
    kinds: frozenset[str]
    entity: Mapping[str, str]
    faults: frozenset[str]
    onset_unix_ns: int | None

    def matches(self, causes: Sequence[Mapping[str, object]]) -> bool:
        """Whether the causes of `why --json` name this fault first, or none where there is none to name."""
        if not self.kinds:
            return not causes
        if not causes:
            return False
        entity = causes[0].get("entity")
        return (
            causes[0].get("kind") in self.kinds
            and isinstance(entity, Mapping)
            and all(entity.get(name) == value for name, value in self.entity.items())
            and causes[0].get("fault") in self.faults
        )

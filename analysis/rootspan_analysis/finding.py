"""A finding: one thing that stands out in one signal, before it is ranked against the others."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from rootspan_analysis.contrast import Interval
from rootspan_analysis.explanation import CauseKind

__all__ = ["Finding", "SignalName"]

SignalName = Literal[
    "slow", "errors", "gap", "unanswered", "wait", "lost", "gauge", "logs", "shape", "size", "event", "batch"
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that stands out.

    Attributes:
        signal: Kind of evidence.
        kind, entity, fault: As a cause will say them.
        service: The service it is in; of an edge, the caller.
        peer: Of an edge, the callee; else empty.
        operation: Of a component, its span name; else empty.
        hosts: Hosts that it comprises; empty for all of the service, or where hosts are unknown.
        shift: Effect: log ratio (slow, gap), added rate (errors), milliseconds (wait, batch), share lost
            (lost).
        z: How far out of its noise.
        p_value: Of that, against quiet windows.
        interval: When.
        excess_s, errors, requests: What it costs, scaled up for sampling.
        detail: Numbers that the evidence's sentences need, by name.
        words: Names and texts for the same purpose.
        support: Findings that are consequences or further signs of this one.
    """

    signal: SignalName
    kind: CauseKind
    entity: Mapping[str, str]
    fault: str
    service: str
    peer: str
    operation: str
    hosts: frozenset[str]
    shift: float
    z: float
    p_value: float
    interval: Interval
    excess_s: float = 0.0
    errors: float = 0.0
    requests: float = 0.0
    detail: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    support: tuple["Finding", ...] = field(default=())

    def costing(self, *, errors: float | None = None, kind: CauseKind | None = None) -> "Finding":
        """The same finding with another cost or kind."""
        return replace(self, errors=self.errors if errors is None else errors, kind=kind or self.kind)

    def supported_by(self, *others: "Finding") -> "Finding":
        """The same finding with more support."""
        return replace(self, support=(*self.support, *others))

"""What an incident is: a breach of objectives with its causes, cost and reach, and its JSON.

Owns the types that `incidents()` returns, that notifications send and that pages show. Decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BlastRadius",
    "Breach",
    "Incident",
    "IncidentImpact",
    "ObjectiveKind",
    "Severity",
    "State",
]

State = Literal["open", "closed"]
Severity = Literal["critical", "major", "minor"]
ObjectiveKind = Literal[
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "error_rate",
    "time_to_first_token",
    "queue_wait",
    "step_time",
    "goodput",
    "component",
]


@dataclass(frozen=True, slots=True)
class Breach:
    """One objective that is not met.

    Attributes:
        kind: Which objective; `component`: none is missed, but the engine sees that a part is ill.
        service, operation: Whose; empty for a job's.
        job: Training job; empty for a service's.
        observed, expected: In `unit`: what was measured last, and the usual or configured value.
        unit: `ms`, `ratio` (0-1), `steps/s`, or `score` (0-1, of a component).
        since_ns: When it began, unix nanoseconds.
        configured: Whether a person set the objective; otherwise it was found from history.
        text: One sentence with numbers and units.
    """

    kind: ObjectiveKind
    service: str
    operation: str
    job: str
    observed: float
    expected: float
    unit: str
    since_ns: int
    configured: bool
    text: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same objective at another time."""
        return self.kind, self.service, self.operation, self.job

    def to_json(self) -> dict[str, object]:
        """One object of an incident's `symptoms`."""
        return {
            "kind": self.kind,
            "service": self.service,
            "operation": self.operation,
            "job": self.job,
            "observed": round(self.observed, 6),
            "expected": round(self.expected, 6),
            "unit": self.unit,
            "since_unix_ns": self.since_ns,
            "configured": self.configured,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class IncidentImpact:
    """What it cost since the onset, of the affected objective that it hit hardest (nested calls count once).

    Attributes:
        requests: Requests in that time.
        bad_requests: Those beyond the objective, above the usual number of them.
        errors: Failed ones above the usual.
        excess_s: Seconds beyond what they usually take.
        gpu_hours: As the engine's first cause has it; 0 where unknown.
    """

    requests: int = 0
    bad_requests: int = 0
    errors: int = 0
    excess_s: float = 0.0
    gpu_hours: float = 0.0

    def to_json(self) -> dict[str, object]:
        """The `impact` of an incident."""
        return {
            "requests": self.requests,
            "bad_requests": self.bad_requests,
            "errors": self.errors,
            "excess_s": round(self.excess_s, 3),
            "gpu_hours": round(self.gpu_hours, 4),
        }


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """How far it reaches.

    Attributes:
        services: With a breached objective, sorted.
        hosts: Number of hosts on which those services miss it.
        regions: Of those hosts, sorted.
    """

    services: tuple[str, ...] = ()
    hosts: int = 0
    regions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The `blast_radius` of an incident."""
        return {"services": list(self.services), "hosts": self.hosts, "regions": list(self.regions)}


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident in its latest state.

    Attributes:
        id: Stable over its life; the same for every watcher that finds the same breach.
        state: `open` until the breach has been quiet for a while.
        severity: `critical`, `major` or `minor`; the worst it ever was.
        title: One line for a person: the first cause, or the symptom while there is none.
        onset_ns, opened_ns, updated_ns: When the breach began, when the watcher was sure, the last write.
        closed_ns: When the breach was over; None while it is open.
        lead: The worst breach, which is what a user notices.
        breaches: All of them, worst first; the lead among them.
        verdict: The engine's, as in `rootspan why`; `pending` until it has answered.
        causes: Ranked causes, each an object of `why --json`; may be empty.
        impact: What it cost so far.
        blast: How far it reaches.
        explanation: The whole answer of `why --json`; None where it was not asked for (lists).
        engine_version: Of the rootspan that wrote it.
    """

    id: str
    state: State
    severity: Severity
    title: str
    onset_ns: int
    opened_ns: int
    updated_ns: int
    closed_ns: int | None
    lead: Breach
    breaches: tuple[Breach, ...]
    verdict: str
    causes: tuple[Mapping[str, object], ...]
    impact: IncidentImpact
    blast: BlastRadius
    explanation: Mapping[str, object] | None
    engine_version: str

    def to_json(self) -> dict[str, object]:
        """As `rootspan watch --json` and webhooks have it. `explanation` only if it is there."""
        told: dict[str, object] = {
            "id": self.id,
            "state": self.state,
            "severity": self.severity,
            "title": self.title,
            "onset_unix_ns": self.onset_ns,
            "opened_unix_ns": self.opened_ns,
            "updated_unix_ns": self.updated_ns,
            "closed_unix_ns": self.closed_ns,
            "symptom": self.lead.to_json(),
            "symptoms": [one.to_json() for one in self.breaches],
            "verdict": self.verdict,
            "causes": [dict(one) for one in self.causes],
            "impact": self.impact.to_json(),
            "blast_radius": self.blast.to_json(),
            "engine_version": self.engine_version,
        }
        if self.explanation is not None:
            told["explanation"] = dict(self.explanation)
        return told

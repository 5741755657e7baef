"""What the engine answers: a verdict and ranked causes, each with evidence that a person can check.

Owns the result types and their JSON, which is a contract (`rootspan why --json`). Decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rootspan_analysis.question import Window

__all__ = [
    "Cause",
    "CauseKind",
    "Evidence",
    "Exonerated",
    "Explanation",
    "Impact",
    "Signal",
    "Symptom",
    "Verdict",
    "WhatIf",
]

Verdict = Literal["cause_found", "no_fault", "load", "configuration", "not_enough_data"]
Signal = Literal["trace", "log", "metric", "edge", "change", "collective"]
CauseKind = Literal[
    "host",
    "gpu",
    "rank",
    "stage",
    "phase",
    "link",
    "service",
    "operation",
    "edge",
    "version",
    "model",
    "region",
    "zone",
    "rack",
    "switch",
    "queue",
    "job",
    "change",
]


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is wrong, as a user of the system sees it.

    Attributes:
        kind: `latency`, `errors`, `traffic`, `component` (a part is ill, requests are not yet) or `none`; of
            a training job `hang`, `failure`, `step_time` or `imbalance`.
        text: One sentence with numbers and units.
    """

    kind: str
    text: str

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {"kind": self.kind, "text": self.text}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence, and the SQL that shows it.

    Attributes:
        sql: A SELECT that runs as it is, without bound parameters, against the store's database.
    """

    signal: Signal
    text: str
    sql: str

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {"signal": self.signal, "text": self.text, "sql": self.sql}


@dataclass(frozen=True, slots=True)
class Impact:
    """What a cause costs, from onset to the window's end.

    Attributes:
        requests: Calls through the cause; scaled up where the sender sampled.
        excess_s: Seconds beyond what the same calls took before.
        errors: Failed calls beyond the usual.
        share: Of all excess seconds or errors in the window, 0-1.
        gpu_hours: GPU time lost; 0 where unknown.
    """

    requests: int = 0
    excess_s: float = 0.0
    errors: int = 0
    share: float = 0.0
    gpu_hours: float = 0.0

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {
            "requests": self.requests,
            "excess_s": round(self.excess_s, 3),
            "errors": self.errors,
            "share": round(self.share, 4),
            "gpu_hours": round(self.gpu_hours, 4),
        }


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A training step without a cause.

    Attributes:
        step_s: Seconds of a step as it is, mean over the steps concerned.
        without_s: As it would be.
        is_replayed: Whether the pipeline was replayed; otherwise it is a bound from the worst rank's excess.
        recovered_s, recovered_gpu_hours: What the job would have won in the window.
    """

    step_s: float
    without_s: float
    is_replayed: bool
    recovered_s: float
    recovered_gpu_hours: float

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {
            "step_s": round(self.step_s, 6),
            "without_s": round(self.without_s, 6),
            "is_replayed": self.is_replayed,
            "recovered_s": round(self.recovered_s, 3),
            "recovered_gpu_hours": round(self.recovered_gpu_hours, 4),
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing at fault.

    Attributes:
        rank: 1 for the first.
        entity: Attributes (semantic-convention names) that name it; the service whenever there is one.
            A host that was lost with others is a list joined by commas.
        fault: What is wrong with it, such as `slow_host`, `network_delay`, `error`, `lost_instances`.
        score: 0-0.99, confidence that this is a cause; several may be, so they need not add up to 1.
        what_if: Of a training fault: a step as it is, and as it would be without the cause; None where that
            is not known.
        p_value: Share of the history's quiet windows in which something of this kind stood out as much.
        onset_unix_ns: When it began; None where that is not to be told.
    """

    rank: int
    kind: CauseKind
    entity: Mapping[str, str]
    fault: str
    score: float
    p_value: float
    onset_unix_ns: int | None
    impact: Impact
    evidence: tuple[Evidence, ...]
    what_if: WhatIf | None = None

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {
            "rank": self.rank,
            "kind": self.kind,
            "entity": dict(self.entity),
            "fault": self.fault,
            "score": round(self.score, 4),
            "p_value": round(self.p_value, 6),
            "onset_unix_ns": self.onset_unix_ns,
            "impact": self.impact.to_json(),
            "evidence": [one.to_json() for one in self.evidence],
            **({"what_if": self.what_if.to_json()} if self.what_if else {}),
        }


@dataclass(frozen=True, slots=True)
class Exonerated:
    """A suspect that is not at fault.

    Attributes:
        entity: Attributes that name it.
        text: One sentence: what was seen of it, and why it is not the cause.
    """

    kind: CauseKind
    entity: Mapping[str, str]
    text: str

    def to_json(self) -> dict[str, object]:
        """As `why --json` writes it."""
        return {"kind": self.kind, "entity": dict(self.entity), "text": self.text}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to a question.

    Attributes:
        window: As asked.
        baseline: What the window was compared with; it may lie inside the window, before the fault's onset.
        verdict: `cause_found` exactly when there are causes.
        symptom: What a user sees; None when there was not enough data to tell.
        causes: Best first; at most as many as asked for.
        exonerated: Suspects that are not at fault: what follows from a cause, what only looks ill, and
            services on the way that are as they were.
        telemetry: Balance of the telemetry by name of the counter (`accepted`, …); empty if not given.
        took_ms: Time the answer took. Like the balance, it is filled in by `explain`.
    """

    window: Window
    baseline: Window
    verdict: Verdict
    symptom: Symptom | None
    causes: tuple[Cause, ...]
    telemetry: Mapping[str, int] = field(default_factory=dict)
    took_ms: int = 0
    exonerated: tuple[Exonerated, ...] = ()

    def to_json(self) -> dict[str, object]:
        """One object, exactly as `rootspan why --json` prints it."""
        return {
            "window": self.window.to_json(),
            "baseline": self.baseline.to_json(),
            "verdict": self.verdict,
            "symptom": self.symptom.to_json() if self.symptom else None,
            "causes": [one.to_json() for one in self.causes],
            "exonerated": [one.to_json() for one in self.exonerated],
            "telemetry": dict(self.telemetry),
            "took_ms": self.took_ms,
        }

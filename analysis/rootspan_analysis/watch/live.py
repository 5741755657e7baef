"""One incident's life: it is asked about, grows, and closes after a quiet time.

Owns the rules of time. Reads and writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from rootspan_analysis.explanation import Cause, Explanation
from rootspan_analysis.question import NS_PER_S, Question
from rootspan_analysis.watch.describe import ordered, severity_of, title_of, worse
from rootspan_analysis.watch.grouping import Calls
from rootspan_analysis.watch.incident import BlastRadius, Breach, Incident, IncidentImpact
from rootspan_analysis.watch.judging import Key, Quarantine
from rootspan_analysis.watch.objectives import KINDS

__all__ = ["Live", "begun", "first_cause", "id_of", "question_for", "resumed"]

ASK_EVERY_S: Final = (10.0, 600.0)
"""The engine is asked again after half of an incident's age, within these bounds,"""
COMPONENT_EVERY_S: Final = 40.0
ASK_COST: Final = 20.0
"""and not before this many times what the last answer took;"""
YOUNG_COST: Final = 3.0
YOUNG_S: Final = 180.0
"""at first more often, since that is when somebody waits and each cell of 10 s tells much."""
BEFORE_S: Final = 40
SHORTEST_S: Final = 90
"""A question's window: from this long before the onset; at least so long, which gives cells of 10 s."""
LONGEST_S: Final = 1800
LONGEST_COMPONENT_S: Final = 4 * 3600
EXPLAINED: Final = frozenset({"load", "configuration"})
"""Verdicts that say what it is: of a surge that has just begun, a queue is all that there is to see."""
STILL: Final = 0.3
"""A component that costs this part of its mean rate since the last answer is still ill."""
SILENT_S: Final = 900


@dataclass(slots=True)
class Live:
    """An open incident, and what a watcher keeps in mind about it.

    Attributes:
        last_bad_s: End of the last cell in which an objective was missed, unix seconds.
        asked_ns, took_ms: When the engine was last asked, and how long it thought.
        dirty: Whether the stored row is behind.
    """

    incident: Incident
    last_bad_s: int
    asked_ns: int = 0
    took_ms: int = 0
    dirty: bool = True
    keys: set[Key] = field(default_factory=set)
    _cost: tuple[IncidentImpact, int] = (IncidentImpact(), 0)

    @property
    def is_component(self) -> bool:
        """Whether the engine alone can tell how it goes on: no objective is missed."""
        return all(one.kind == "component" for one in self.incident.breaches)

    def wants_answer(self, now_ns: int) -> bool:
        """Whether it is time to ask the engine again."""
        age_s = (now_ns - self.incident.opened_ns) / NS_PER_S
        most_s = COMPONENT_EVERY_S if self.is_component else ASK_EVERY_S[1]
        wait_s = min(max(age_s / 2, ASK_EVERY_S[0]), most_s)
        cost = YOUNG_COST if age_s < YOUNG_S else ASK_COST
        return now_ns - self.asked_ns >= max(wait_s, cost * self.took_ms / 1e3) * NS_PER_S

    def grow(self, over: Mapping[Key, Breach], more: Sequence[Breach], calls: Calls, *, end_s: int) -> None:
        """Take in how its objectives do now, and further breaches."""
        now = {key: over[key] for key in self.keys if key in over}
        if now or more:
            self.last_bad_s = end_s
        known = {one.key: one for one in self.incident.breaches}
        for key, breach in now.items():
            known[key] = replace(breach, since_ns=min(breach.since_ns, known[key].since_ns))
        further = {one.key: one for one in more if one.key not in known}
        breaches = tuple((known | further).values())
        severity = worse(self.incident.severity, severity_of(breaches))
        # Values change at every look: order and row wait for something that a person wants to know.
        if further or severity != self.incident.severity:
            breaches = ordered(breaches, calls)
            self.dirty = True
        self.keys |= set(further)
        self.incident = replace(
            self.incident,
            breaches=breaches,
            lead=breaches[0],
            onset_ns=min(one.since_ns for one in breaches),
            severity=severity,
            title=title_of(self.incident.causes, breaches[0]),
        )

    def explained(self, answer: Explanation, *, now_ns: int, end_s: int) -> None:
        """Take in an answer. "Nothing is wrong" never replaces a cause; load and configuration do."""
        self.asked_ns, self.took_ms = now_ns, answer.took_ms
        if self.is_component:
            self._follow(answer, end_s=end_s)
        if self.incident.causes and not answer.causes and answer.verdict not in EXPLAINED:
            return
        causes = tuple(one.to_json() for one in answer.causes)
        before = self.incident.verdict, first_cause(self.incident)
        hours = answer.causes[0].impact.gpu_hours if answer.causes else 0.0
        self.incident = replace(
            self.incident,
            verdict=answer.verdict,
            causes=causes,
            title=title_of(causes, self.incident.lead),
            explanation=answer.to_json(),
            impact=replace(self.incident.impact, gpu_hours=hours),
        )
        self.dirty = self.dirty or before != (self.incident.verdict, first_cause(self.incident))

    def _follow(self, answer: Explanation, *, end_s: int) -> None:
        """Of a component: it goes on as long as what it costs grows; the past alone stays found forever."""
        service = self.incident.lead.service
        cause = next((one for one in answer.causes if one.entity.get("service.name", "") == service), None)
        if cause is None:
            return
        impact, blast = told_by(cause)
        before, at_s = self._cost
        age_s = max(end_s - self.incident.onset_ns // NS_PER_S, 1)
        grown = (impact.excess_s - before.excess_s, impact.errors - before.errors)
        usual = (impact.excess_s / age_s, impact.errors / age_s)
        passed_s = end_s - at_s
        if not at_s or any(
            more > 0 and more >= STILL * rate * passed_s for more, rate in zip(grown, usual, strict=True)
        ):
            self.last_bad_s = end_s
        if passed_s > 0:
            self._cost = impact, end_s
            self.incident = replace(self.incident, impact=impact, blast=blast)

    def is_over(self, fine: frozenset[Key], *, end_s: int, silent_s: int, quiet_s: float) -> bool:
        """Whether it is to be closed: quiet for long enough with data that says so, or without any at all."""
        quiet = end_s - self.last_bad_s
        if silent_s > quiet_s:
            return quiet >= max(SILENT_S, quiet_s)
        is_asked = self.is_component and self.asked_ns > self.last_bad_s * NS_PER_S
        is_told = is_asked or bool(self.keys & fine)
        return quiet >= quiet_s and (is_told or quiet >= max(SILENT_S, quiet_s))

    def close(self) -> None:
        """Close it at the end of its last breach."""
        end_ns = max(self.last_bad_s * NS_PER_S, self.incident.onset_ns)
        self.incident = replace(self.incident, state="closed", closed_ns=end_ns)
        self.dirty = True

    def quarantines(self) -> list[Quarantine]:
        """The times of its series that must not become the usual; open ones last forever."""
        return _quarantines(self.incident)


def told_by(cause: Cause) -> tuple[IncidentImpact, BlastRadius]:
    """Cost and reach of a cause as the engine has them."""
    cost, entity = cause.impact, cause.entity

    def named(name: str) -> tuple[str, ...]:
        return tuple(sorted(set(entity.get(name, "").split(",")) - {""}))

    services = tuple(sorted({*named("service.name"), *named("peer.service")}))
    return (
        IncidentImpact(requests=cost.requests, errors=cost.errors, excess_s=cost.excess_s),
        BlastRadius(services, len(named("host.name")), named("cloud.region")),
    )


def first_cause(incident: Incident) -> tuple[object, object] | None:
    """Fault and entity of the first cause, to compare with; None while there is none."""
    if not incident.causes:
        return None
    first = incident.causes[0]
    entity = first.get("entity")
    return first.get("fault"), tuple(sorted(entity.items())) if isinstance(entity, dict) else ()


def _quarantines(incident: Incident) -> list[Quarantine]:
    to_s = incident.closed_ns // NS_PER_S + 60 if incident.closed_ns else 2**40
    from_s = incident.onset_ns // NS_PER_S - 60
    limits: dict[tuple[str, str, str], dict[str, float]] = {}
    for one in incident.breaches:
        limits.setdefault((one.service, one.operation, one.job), {}).update(_limit(one))
    return [Quarantine(*names, from_s, to_s, known) for names, known in limits.items()]


def _limit(breach: Breach) -> dict[str, float]:
    """Where a breach began, out of what was expected: as `usual_of` has it, but for the scatter."""
    kind = KINDS.get(breach.kind)
    if kind is None:
        return {}
    value = breach.expected / (1e3 if kind.unit == "ms" else 1.0)
    if breach.configured or kind.unit == "steps/s":
        return {breach.kind: value if breach.configured else kind.effect * value}
    return {breach.kind: max(kind.effect * value, value + kind.least)}


def id_of(breaches: Sequence[Breach]) -> str:
    """An id that follows from what was found: the first objective that was missed, and in which minute."""
    first = min(breaches, key=lambda one: (one.since_ns // (60 * NS_PER_S), one.key))
    minute = first.since_ns // (60 * NS_PER_S) * 60
    digest = sha256("\0".join(first.key).encode()).hexdigest()[:8]
    return f"{datetime.fromtimestamp(minute, UTC):%Y%m%d-%H%M}-{digest}"


def begun(breaches: Sequence[Breach], calls: Calls, *, now_ns: int, end_s: int, version: str) -> Live:
    """A new incident of a group of breaches."""
    ranked = ordered(breaches, calls)
    incident = Incident(
        id=id_of(breaches),
        state="open",
        severity=severity_of(breaches),
        title=title_of((), ranked[0]),
        onset_ns=min(one.since_ns for one in breaches),
        opened_ns=now_ns,
        updated_ns=now_ns,
        closed_ns=None,
        lead=ranked[0],
        breaches=ranked,
        verdict="pending",
        causes=(),
        impact=IncidentImpact(),
        blast=BlastRadius(tuple(sorted({one.service for one in breaches if one.service}))),
        explanation=None,
        engine_version=version,
    )
    return Live(incident, last_bad_s=end_s, keys={one.key for one in breaches})


def resumed(incident: Incident, *, end_s: int) -> Live:
    """An open incident that another watcher, or this one before it was started again, began."""
    return Live(incident, last_bad_s=end_s, dirty=False, keys={one.key for one in incident.breaches})


def question_for(
    breaches: Sequence[Breach], *, last_bad_s: int, end_s: int, alone: bool, noticed: bool
) -> Question:
    """What to ask the engine: from before the onset to the last breach, or now.

    Args:
        alone: Whether nothing else is wrong at the time; otherwise only requests through the group's own
            service count, so that two incidents get each its own cause.
        noticed: Whether it is known that somebody suffers, whatever the engine says.
    """
    onset_s = min(one.since_ns for one in breaches) // NS_PER_S
    if all(one.kind == "component" for one in breaches):
        to_s = min(end_s, onset_s + LONGEST_COMPONENT_S)
    else:
        to_s = min(end_s, max(last_bad_s, onset_s + SHORTEST_S - BEFORE_S), onset_s + LONGEST_S)
    from_s = min(onset_s - BEFORE_S, to_s - SHORTEST_S)
    lead = breaches[0]
    return Question(
        from_s * NS_PER_S,
        to_s * NS_PER_S,
        service=None if alone or not lead.service else lead.service,
        job=lead.job or None,
        noticed=frozenset(one.service for one in breaches if noticed and one.kind != "component"),
    )

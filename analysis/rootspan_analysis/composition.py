"""Turns ranked findings into the answer: causes with onset, impact and evidence, and the verdict.

Owns the names of faults, the verdict, and onsets by the clocks of most hosts. Ranks nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.candidates.gauges import GPU, NOISY
from rootspan_analysis.clocks import Clock, fetch_clocks
from rootspan_analysis.evidence import clock_evidence, evidence_of
from rootspan_analysis.explanation import Cause, Evidence, Explanation, Impact, Symptom, Verdict
from rootspan_analysis.finding import Finding
from rootspan_analysis.question import NS_PER_S, Question, Window
from rootspan_analysis.ranking import Ranked, share_of
from rootspan_analysis.reader import Reader
from rootspan_analysis.scene import Scene
from rootspan_analysis.symptom import MIN_TRAFFIC, Symptoms

__all__ = ["Ranking", "compose"]

CLOCK_S: Final = 0.5
"""A clock that is less far off misleads nobody who looks at buckets of 10 s and more."""
MAX_CLOCKS: Final = 50
"""Hosts of one cause beyond which it is not a matter of their clocks."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is to be said.

    Attributes:
        ranked: Causes, best first.
        loads: What more or larger requests bring about, strongest first; nobody's fault.
    """

    ranked: Sequence[Ranked]
    loads: Sequence[Finding]


def compose(
    client: Reader, question: Question, scene: Scene, symptoms: Symptoms, ranking: Ranking
) -> Explanation:
    """The answer: causes with their onset, impact and evidence, and the verdict.

    Raises:
        StoreError: The store did not answer.
    """
    timeline, ranked, loads = scene.timeline, ranking.ranked, ranking.loads
    clocks = _clocks(client, question, scene) if ranked else {}
    total_s = max(symptoms.excess_s, sum(one.excess_s for one, _ in ranked), 1e-9)
    total_errors = max(symptoms.errors, sum(one.errors for one, _ in ranked), 1e-9)
    causes = tuple(
        Cause(
            rank=i,
            kind=one.kind,
            entity=one.entity,
            fault=_fault_of(one),
            score=score,
            p_value=one.p_value,
            onset_unix_ns=timeline.at_ns(one.interval.start) - round(_ahead_s(one, clocks) * NS_PER_S),
            impact=Impact(
                requests=round(one.requests),
                excess_s=one.excess_s,
                errors=round(one.errors),
                share=share_of(one, total_s, total_errors),
            ),
            evidence=(*evidence_of(one, scene), *_clock_evidence(one, clocks, scene)),
        )
        for i, (one, score) in enumerate(ranked, start=1)
    )
    used = np.flatnonzero(scene.base)
    baseline = Window(timeline.at_ns(int(used[0])), timeline.at_ns(int(used[-1]) + 1))
    symptom = symptoms.symptom
    verdict: Verdict = "cause_found" if causes else "no_fault"
    if not causes and (symptoms.load >= MIN_TRAFFIC or loads):
        verdict = "load"
        for one in loads[:1]:
            symptom = Symptom(symptom.kind, f"{symptom.text}: {evidence_of(one, scene)[0].text}")
    if causes and not symptoms.visible:
        symptom = Symptom(
            "component", f"{symptom.text} on the whole, but a part is not: {causes[0].evidence[0].text}"
        )
    return Explanation(question.window, baseline, verdict, symptom, causes)


def _fault_of(one: Finding) -> str:
    """Name of what is wrong: a host is slow by what broke on it, or by its GPU where its gauges say so."""
    broken = [
        each.fault
        for each in one.support
        if each.signal == "event" and each.detail["hard"] and each.hosts & one.hosts
    ]
    if broken:
        return broken[0]
    if one.signal == "slow" and one.kind == "host":
        # Of several operations that are slow there, one may last too short for its gauges to say so.
        if any(each.fault == NOISY and each.hosts == one.hosts for each in (one, *one.support)):
            return NOISY
        return "slow_gpu" if any(each.words.get("metric") in GPU for each in one.support) else "slow_host"
    return "bad_version" if one.kind == "version" else one.fault


def _clocks(client: Reader, question: Question, scene: Scene) -> dict[str, Clock]:
    """Clocks of the hosts that serve in the window."""
    timeline = scene.timeline
    share = (timeline.end_ns - timeline.origin_ns) / max(timeline.end_ns - timeline.start_ns, 1)
    window = {**timeline.parameters(question), "from_ns": timeline.origin_ns}
    return fetch_clocks(client, window, spans=round(timeline.spans * share), modulus=timeline.modulus)


def _off(one: Finding, clocks: Mapping[str, Clock]) -> list[tuple[str, Clock]]:
    """Hosts of a finding whose clocks are off so far that times of theirs mislead."""
    if len(one.hosts) > MAX_CLOCKS:
        return []
    known = [(host, clocks[host]) for host in sorted(one.hosts) if host in clocks]
    return [(host, clock) for host, clock in known if clock.is_off and abs(clock.ahead_s) >= CLOCK_S]


def _ahead_s(one: Finding, clocks: Mapping[str, Clock]) -> float:
    """By how much stamps of a finding are late: only where all of its hosts' clocks are off."""
    off = _off(one, clocks)
    return (
        float(np.median([clock.ahead_s for _, clock in off])) if off and len(off) == len(one.hosts) else 0.0
    )


def _clock_evidence(one: Finding, clocks: Mapping[str, Clock], scene: Scene) -> list[Evidence]:
    off = _off(one, clocks)
    return [clock_evidence([host for host, _ in off], off[0][1], one.interval, scene)] if off else []

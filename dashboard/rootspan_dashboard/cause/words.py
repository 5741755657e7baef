"""The engine's answer in words: verdict, headline of a cause, its facts. Pure.

Plain text, escaped by who shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from rootspan_analysis.explanation import Cause, Explanation
from rootspan_dashboard.words.formats import (
    format_count,
    format_ms,
    format_number,
    format_range,
    format_ratio,
    format_time,
)

__all__ = [
    "Suspect",
    "answer_facts",
    "cause_name",
    "chart_name",
    "exonerated_words",
    "headline",
    "impact_facts",
    "tags",
    "verdict_words",
    "what_if_words",
]

FAULTS: Final[Mapping[str, str]] = {
    "slow": "is slow",
    "slow_gpu": "is slow",
    "slow_host": "is slow",
    "error": "fails",
    "network_delay": "has a slow network path",
    "connection_error": "does not answer",
    "lost_instances": "stopped serving",
    "outage": "is out",
    "saturated_queue": "is saturated: requests wait in its queue",
    "batch_interference": "is held up by large requests in its batches",
    "cpu_contention": "competes for the CPU",
    "code_path": "takes another path than before",
    "bad_version": "is worse than the version before",
    "straggler": "holds the others up",
    "hang": "hangs",
    "stall": "held the job up for a while",
}
NAMED_BY: Final[Mapping[str, str]] = {
    "host": "host.name",
    "gpu": "host.name",
    "service": "service.name",
    "version": "service.version",
    "region": "cloud.region",
    "zone": "cloud.availability_zone",
    "rack": "host.rack",
    "switch": "network.switch",
    "model": "gen_ai.request.model",
    "job": "training.job.id",
    "rank": "training.rank",
}
VERDICTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "no_fault": (
        "quiet",
        "No fault found",
        "Nothing in this window stands out against its own history and its peers.",
    ),
    "load": ("", "Load went up", "More requests than before; each of them is served as it was."),
    "configuration": ("", "No machine is at fault", "What differs is how the job is configured."),
    "not_enough_data": (
        "",
        "Not enough data to tell",
        "There is too little in the window, or before it, to compare with. Choose a longer window, or wait.",
    ),
}
SHORT_HOSTS: Final = 3


class Named(Protocol):
    """What a thing at fault is called by: `Cause`, or what an incident keeps of one."""

    @property
    def kind(self) -> str:
        """What kind of thing it is."""
        ...

    @property
    def entity(self) -> Mapping[str, str]:
        """Attributes that name it."""
        ...

    @property
    def fault(self) -> str:
        """What is wrong with it."""
        ...


@dataclass(frozen=True, slots=True)
class Suspect:
    """A `Named` of plain texts."""

    kind: str
    entity: Mapping[str, str]
    fault: str


def cause_name(cause: Named) -> str:
    """`gpu-029`, or `gateway → balancer` for an edge; a long list of hosts is cut."""
    entity = cause.entity
    if cause.kind == "edge":
        peer = next((entity[key] for key in ("peer.service", "server.address", "peer") if key in entity), "")
        return f"{entity.get('service.name', '')} → {peer}" if peer else entity.get("service.name", "")
    value = entity.get(NAMED_BY.get(cause.kind, ""), "") or entity.get("service.name", "")
    parts = [one.strip() for one in value.split(",")]
    if len(parts) > SHORT_HOSTS:
        return f"{', '.join(parts[:SHORT_HOSTS])} and {len(parts) - SHORT_HOSTS} more"
    return ", ".join(parts) or "unnamed"


def chart_name(cause: Named) -> str:
    """What a line of it is called in a legend: its name, `rank 3` where that is a number only."""
    name = cause_name(cause)
    return f"{cause.kind} {name}" if name.replace(",", "").replace(" ", "").isdigit() else name


def headline(cause: Named) -> str:
    """`Host gpu-029 of ranker is slow`."""
    service = cause.entity.get("service.name", "")
    whose = f" of {service}" if service and cause.kind not in ("service", "edge") else ""
    what = FAULTS.get(cause.fault, f"has {cause.fault.replace('_', ' ')}")
    several = "," in cause.entity.get(NAMED_BY.get(cause.kind, ""), "")
    kind = f"{cause.kind.capitalize()}{'s' if several else ''}"
    return f"{kind} {cause_name(cause)}{whose} {_plural(what) if several else what}"


def _plural(words: str) -> str:
    for one, many in (("is ", "are "), ("has ", "have "), ("does ", "do ")):
        if words.startswith(one):
            return many + words.removeprefix(one)
    return words


def verdict_words(answer: Explanation) -> tuple[str, str, str]:
    """Look (`found`, `quiet` or empty), headline and sentence."""
    symptom = answer.symptom.text if answer.symptom else ""
    if answer.causes:
        return "found", headline(answer.causes[0]), _sentence(symptom)
    look, title, words = VERDICTS.get(answer.verdict, ("", answer.verdict.replace("_", " ").capitalize(), ""))
    return look, title, f"{words} {_sentence(symptom)}".strip()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else ""


def answer_facts(answer: Explanation) -> list[tuple[str, str]]:
    """What was compared with what, and how long that took."""
    pairs = [("Window", format_range(answer.window.from_ns, answer.window.to_ns))]
    # A training job is compared within its own window.
    if answer.baseline.to_ns > answer.baseline.from_ns and answer.baseline != answer.window:
        pairs.append(("Compared with", format_range(answer.baseline.from_ns, answer.baseline.to_ns)))
    pairs.append(("Answered in", format_ms(answer.took_ms)))
    return pairs


def tags(cause: Cause) -> list[tuple[str, str]]:
    """Names and values of what the cause is."""
    pairs = [("kind", cause.kind), ("fault", cause.fault.replace("_", " "))]
    pairs += [(name, value) for name, value in cause.entity.items() if value]
    return pairs


def impact_facts(cause: Cause) -> list[tuple[str, str]]:
    """Score, onset and what it costs; zeros are left out."""
    impact = cause.impact
    pairs = [("Score", f"{cause.score:.2f}")]
    if cause.onset_unix_ns is not None:
        pairs.append(("Onset", f"{format_time(cause.onset_unix_ns)} UTC"))
    if impact.requests:
        pairs.append(("Requests through it", format_count(impact.requests)))
    if impact.excess_s > 0:
        pairs.append(("Excess time", format_ms(impact.excess_s * 1000)))
    if impact.errors:
        pairs.append(("Excess errors", format_count(impact.errors)))
    if impact.share > 0:
        pairs.append(("Share of all excess", format_ratio(impact.share)))
    if impact.gpu_hours > 0:
        pairs.append(("GPU time lost", format_number(impact.gpu_hours, "h")))
    return pairs


def what_if_words(cause: Cause) -> str:
    """What a training step would be without the cause; empty where that is not known."""
    told = cause.to_json().get("what_if")
    if not isinstance(told, dict):
        return ""
    how = "replayed with its operations at its peers' pace" if told.get("is_replayed") else "at best"
    won = format_number(float(told["recovered_gpu_hours"]), "h")
    return (
        f"Without it a step of {format_ms(float(told['step_s']) * 1e3)} would take "
        f"{format_ms(float(told['without_s']) * 1e3)}, {how}; the job would have won "
        f"{format_ms(float(told['recovered_s']) * 1e3)}, which is {won} of GPU time."
    )


def exonerated_words(answer: Explanation) -> list[tuple[str, str]]:
    """Who looked ill but is not at fault, and why: names and sentences. Often empty."""
    found = answer.to_json().get("exonerated")
    told = []
    for one in found if isinstance(found, list) else []:
        suspect = Suspect(str(one["kind"]), {str(k): str(v) for k, v in one["entity"].items()}, "")
        told.append((f"{suspect.kind} {cause_name(suspect)}", str(one["text"])))
    return told

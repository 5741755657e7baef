"""What the incidents page says, from the watcher's records: sentences, facts, rows. Pure; draws nothing."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import pandas as pd

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.watch import Breach, Incident
from rootspan_dashboard.cause.words import Suspect, headline
from rootspan_dashboard.words.formats import (
    NO_VALUE,
    format_count,
    format_ms,
    format_number,
    format_ratio,
    format_time,
    format_value,
)

__all__ = [
    "asked_window",
    "cause_lines",
    "fleet_words",
    "incident_facts",
    "incident_title",
    "incidents_frame",
    "symptom_words",
    "worst_first",
]

SEVERITIES: Final = ("critical", "major", "minor")
VERDICTS: Final = {
    "pending": "the engine is looking",
    "cause_found": "cause found",
    "no_fault": "no cause found",
    "load": "load went up",
    "configuration": "configuration",
    "not_enough_data": "not enough data to tell",
}
BEFORE_NS: Final = 600 * NS_PER_S
SCORE: Final = "score"
"""The unit of what a sweep of components finds: how sure it is, which nothing usual compares with."""
SHOWN_CAUSES: Final = 3
LONGEST_NS: Final = 3600 * NS_PER_S


def worst_first(found: Sequence[Incident]) -> list[Incident]:
    """Open ones first, the most severe of them first, then the newest."""
    return sorted(
        found, key=lambda one: (one.state != "open", SEVERITIES.index(one.severity), -one.onset_ns, one.id)
    )


def fleet_words(
    open_ones: int, *, watching: bool, seen_ns: int | None, balance: tuple[str, str]
) -> tuple[Literal["found", "quiet", ""], str, str]:
    """Look, headline and sentence of the page's head."""
    state, told = balance
    if open_ones:
        plural = "s are" if open_ones > 1 else " is"
        return "found", f"{open_ones} incident{plural} open", f"Telemetry: {told}"
    if not watching:
        since = f" since {format_time(seen_ns, date=True)} UTC" if seen_ns else ""
        return (
            "",
            "No incident is open, and nobody watches",
            f"No watcher has reported{since}: `rootspan up` runs one, and so does `rootspan watch`. {told}",
        )
    if state == "bad":
        return "", "No incident is open, but telemetry is missing", told
    return "quiet", "The fleet is healthy", f"No objective is breached. Telemetry: {told}"


def incident_title(one: Incident) -> str:
    """What is wrong, in words: the first cause as the page Root cause calls it; without one, the symptom."""
    if one.causes:
        return headline(_suspect(one.causes[0]))
    return f"{one.title[:1].upper()}{one.title[1:]}"


def _suspect(cause: Mapping[str, object]) -> Suspect:
    """Who is at fault, of a cause of `why --json`."""
    entity = cause.get("entity")
    names = {str(k): str(v) for k, v in entity.items()} if isinstance(entity, dict) else {}
    return Suspect(str(cause.get("kind", "")), names, str(cause.get("fault", "")))


def incident_facts(one: Incident) -> list[tuple[str, str]]:
    """Onset, length, reach and cost; zeros are left out."""
    end_ns = one.closed_ns or one.updated_ns
    pairs = [
        ("Onset", f"{format_time(one.onset_ns, date=True)} UTC"),
        ("Lasted" if one.closed_ns else "For", format_ms((end_ns - one.onset_ns) / 1e6)),
        ("Verdict", VERDICTS.get(one.verdict, one.verdict.replace("_", " "))),
        ("Services", ", ".join(one.blast.services) or NO_VALUE),
        ("Hosts", format_count(one.blast.hosts)),
    ]
    if one.blast.regions:
        pairs.append(("Regions", ", ".join(one.blast.regions)))
    if one.impact.bad_requests:
        share = one.impact.bad_requests / max(1, one.impact.requests)
        pairs.append(("Bad requests", f"{format_count(one.impact.bad_requests)} ({format_ratio(share)})"))
    if one.impact.errors:
        pairs.append(("Errors", format_count(one.impact.errors)))
    if one.impact.excess_s > 0:
        pairs.append(("Excess time", format_ms(one.impact.excess_s * 1e3)))
    if one.impact.gpu_hours > 0:
        pairs.append(("GPU time lost", format_number(one.impact.gpu_hours, "h")))
    return pairs


def symptom_words(one: Incident) -> str:
    """What is wrong, as it was seen when it was opened; a part that alone is ill is told by its cause."""
    return "" if one.causes and one.lead.unit == SCORE else one.lead.text


def cause_lines(one: Incident) -> list[str]:
    """Its causes, a line each: what it is, and its first evidence. A single one is named in the title."""
    if len(one.causes) == 1:
        return [_first_evidence(one.causes[0])]
    return [_cause_line(cause) for cause in one.causes[:SHOWN_CAUSES]]


def _first_evidence(cause: Mapping[str, object]) -> str:
    evidence = cause.get("evidence")
    first = evidence[0] if isinstance(evidence, list) and evidence else {}
    return str(first.get("text", "")) if isinstance(first, dict) else ""


def _cause_line(cause: Mapping[str, object]) -> str:
    told, text = headline(_suspect(cause)), _first_evidence(cause)
    return f"{told}{': ' if text else ''}{text}"


def asked_window(one: Incident) -> tuple[int, int]:
    """The window to ask the engine about: from before the onset to the end, an hour at most."""
    end_ns = min(one.closed_ns or one.updated_ns, one.onset_ns + LONGEST_NS)
    return one.onset_ns - BEFORE_NS, max(end_ns, one.onset_ns + 60 * NS_PER_S)


def _symptom(lead: Breach) -> str:
    if lead.unit == SCORE:
        return lead.text
    usual = format_value(lead.expected, lead.unit)
    return f"{lead.kind.replace('_', ' ')} {format_value(lead.observed, lead.unit)}, usually {usual}"


def incidents_frame(found: Sequence[Incident]) -> pd.DataFrame:
    """`state, severity, title, onset, lasted, symptom, services, hosts, regions, verdict, id`."""
    return pd.DataFrame(
        [
            {
                "state": one.state,
                "severity": one.severity,
                "title": incident_title(one),
                "onset": pd.Timestamp(one.onset_ns, unit="ns"),
                "lasted": format_ms(((one.closed_ns or one.updated_ns) - one.onset_ns) / 1e6),
                "symptom": _symptom(one.lead),
                "services": ", ".join(one.blast.services),
                "hosts": one.blast.hosts,
                "regions": ", ".join(one.blast.regions),
                "verdict": VERDICTS.get(one.verdict, one.verdict.replace("_", " ")),
                "id": one.id,
            }
            for one in found
        ]
    )

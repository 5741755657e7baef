"""Incidents as a person reads them on a terminal, one block for each event.

Words come from the engine and from senders of telemetry: they are printed as text, never read as markup.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rootspan_cli.rendering.why import entity_words
from rootspan_cli.times import rfc3339

if TYPE_CHECKING:
    from rootspan_analysis.watch import Incident, Look

__all__ = ["look_words", "render_incident", "render_look"]

_STYLES: Final[Mapping[str, str]] = {
    "critical": "bold white on red",
    "major": "bold red",
    "minor": "bold yellow",
}
_EVENTS: Final[Mapping[str, str]] = {
    "opened": "OPENED",
    "updated": "UPDATED",
    "closed": "CLOSED",
    "open": "OPEN",
}
_MOST_SYMPTOMS: Final = 4


def render_incident(event: str, incident: "Incident", *, now_ns: int) -> RenderableType:
    """One event: what is wrong, why, how far it reaches and what it cost."""
    style = "bold green" if event == "closed" else _STYLES.get(incident.severity, "bold")
    head = Text.assemble(
        (f" {_EVENTS.get(event, event)} ", style), f" {incident.severity}  ", (incident.id, "dim")
    )
    until_ns = incident.closed_ns or now_ns
    since = f"since {rfc3339(incident.onset_ns)}, {_length(until_ns - incident.onset_ns)}"
    head.append(f"  {since}", "dim")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("  what", Text(incident.title, "bold"))
    for breach in incident.breaches[:_MOST_SYMPTOMS]:
        facts.add_row("  seen", Text(breach.text))
    if len(incident.breaches) > _MOST_SYMPTOMS:
        facts.add_row("", Text(f"and {len(incident.breaches) - _MOST_SYMPTOMS} more", "dim"))
    for cause in incident.causes:
        facts.add_row(f"  cause {cause.get('rank', '')}", _cause(cause))
    if not incident.causes:
        facts.add_row("  cause", Text(incident.verdict.replace("_", " ")))
    facts.add_row("  reach", Text(_reach(incident)))
    if incident.impact.requests:
        facts.add_row("  cost", Text(_cost(incident)))
    return Group(head, facts, Text(""))


def _cause(cause: Mapping[str, object]) -> Text:
    entity = cause.get("entity")
    names = {str(k): str(v) for k, v in entity.items()} if isinstance(entity, Mapping) else {}
    words = Text.assemble((entity_words(names), "bold"), f"  {str(cause.get('fault', '')).replace('_', ' ')}")
    score = cause.get("score")
    if isinstance(score, int | float):
        words.append(f"  score {score:.2f}", "dim")
    evidence = cause.get("evidence")
    if isinstance(evidence, Sequence) and evidence and isinstance(evidence[0], Mapping):
        words.append(f"\n{evidence[0].get('text', '')}")
    return words


def _reach(incident: "Incident") -> str:
    blast = incident.blast
    parts = [", ".join(blast.services) or f"job {incident.lead.job}"]
    if blast.hosts:
        parts.append(f"{blast.hosts:,} host{'s' if blast.hosts != 1 else ''}")
    if blast.regions:
        parts.append(", ".join(blast.regions))
    return "; ".join(parts)


def _cost(incident: "Incident") -> str:
    cost = incident.impact
    parts = [f"{cost.bad_requests:,} of {cost.requests:,} requests beyond the objective"]
    if cost.errors:
        parts.append(f"{cost.errors:,} errors")
    if cost.excess_s:
        parts.append(f"{cost.excess_s:,.0f} s lost")
    if cost.gpu_hours:
        parts.append(f"{cost.gpu_hours:,.2f} GPU hours")
    return ", ".join(parts)


def _length(ns: int) -> str:
    seconds = max(0, ns // 1_000_000_000)
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def render_look(look: "Look", *, open_count: int) -> RenderableType:
    """What one look found, when it was the only one."""
    words = Text(look_words(look, open_count=open_count), "dim")
    if open_count == 0:
        words = Text.assemble(("No incident is open", "bold green"), "\n", words)
    for breach in look.suspected:
        words.append(f"\nnot sure yet: {breach.text}")
    return words


def look_words(look: "Look", *, open_count: int) -> str:
    """A look in one line."""
    if not look.acts:
        return f"{open_count} open; another watcher acts, this one follows"
    quiet = f", no telemetry for {look.silent_s} s" if look.silent_s > 60 else ""
    return f"{open_count} open; {look.series} series in {look.took_ms} ms{quiet}"

"""An explanation as a person reads it on a terminal.

Words come from the engine and from senders of telemetry: they are printed as text, never read as markup.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from rootspan_cli.times import rfc3339

if TYPE_CHECKING:
    from rootspan_analysis.explanation import Cause, Explanation

__all__ = ["entity_words", "render_explanation", "telemetry_words"]

_VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    "cause_found": ("Found what is wrong", "bold red"),
    "no_fault": ("Nothing is wrong", "bold green"),
    "load": ("More load than usual, no fault", "bold yellow"),
    "configuration": ("A matter of configuration, no single thing at fault", "bold yellow"),
    "not_enough_data": ("Not enough telemetry to tell", "bold yellow"),
}
_FIRST_IN_ENTITY: Final = ("service.name", "peer.service", "host.name", "gpu.index", "service.version")


def render_explanation(explanation: "Explanation", *, show_sql: bool = False) -> RenderableType:
    """The whole answer: verdict, symptom, causes with their evidence, balance of the telemetry."""
    words, style = _VERDICTS.get(explanation.verdict, (explanation.verdict, "bold"))
    window, baseline = explanation.window, explanation.baseline
    head = Text.assemble((words, style))
    if explanation.symptom is not None:
        head.append(f"\n{explanation.symptom.text}")
    head.append(
        f"\n{rfc3339(window.from_ns)} to {rfc3339(window.to_ns)}"
        f", against {rfc3339(baseline.from_ns)} to {rfc3339(baseline.to_ns)}",
        "dim",
    )
    foot = Text(f"answered in {explanation.took_ms / 1e3:.1f} s", "dim")
    if explanation.telemetry:
        foot = Text.assemble(telemetry_words(explanation.telemetry), "; ", foot)
    causes = [_render_cause(cause, show_sql=show_sql) for cause in explanation.causes]
    return Group(head, *causes, foot)


def _render_cause(cause: "Cause", *, show_sql: bool) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("what", Text(entity_words(cause.entity), "bold"))
    facts.add_row("fault", Text(cause.fault.replace("_", " ")))
    facts.add_row("score", Text(f"{cause.score:.2f}   p {_probability(cause.p_value)}"))
    if cause.onset_unix_ns is not None:
        facts.add_row("since", Text(rfc3339(cause.onset_unix_ns)))
    impact = cause.impact
    costs = [
        f"{impact.requests:,} calls",
        f"{impact.excess_s:,.1f} s lost" if impact.excess_s else "",
        f"{impact.errors:,} errors" if impact.errors else "",
        f"{impact.share:.0%} of all that is lost" if impact.share else "",
        f"{impact.gpu_hours:,.2f} GPU hours" if impact.gpu_hours else "",
    ]
    facts.add_row("impact", Text(", ".join(filter(None, costs))))
    parts: list[RenderableType] = [facts]
    for evidence in cause.evidence:
        parts.append(Text.assemble(("• ", "bold"), (f"{evidence.signal}: ", "dim"), evidence.text))
        if show_sql:
            parts.append(Syntax(evidence.sql.strip(), "sql", background_color="default", word_wrap=True))
    return Panel(
        Group(*parts),
        title=Text(f"{cause.rank}. {cause.kind}", "bold"),
        title_align="left",
        border_style="red" if cause.rank == 1 else "dim",
    )


def entity_words(entity: Mapping[str, str]) -> str:
    """What is at fault, the narrowing attributes behind the service."""
    names = [name for name in _FIRST_IN_ENTITY if name in entity]
    names += sorted(name for name in entity if name not in _FIRST_IN_ENTITY)
    return "  ".join(f"{name}={entity[name]}" for name in names)


def telemetry_words(telemetry: Mapping[str, int]) -> Text:
    """The balance in one line; what is lost or set aside stands out."""
    told = Text(
        f"{telemetry.get('accepted', 0):,} items accepted, {telemetry.get('stored', 0):,} stored", "dim"
    )
    for name in ("pending", "quarantined", "refused", "dropped_by_senders"):
        count = telemetry.get(name, 0)
        if count:
            told.append(f", {count:,} {name.replace('_', ' ')}", "dim" if name == "pending" else "yellow")
    return told


def _probability(p_value: float) -> str:
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.4f}"

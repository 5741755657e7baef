"""What was planted, as a person reads it."""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from rootspan_cli.rendering.why import entity_words
from rootspan_cli.times import rfc3339

if TYPE_CHECKING:
    from rootspan_demo import Truth

__all__ = ["render_truth"]


def render_truth(truth: "Truth", *, hit: bool) -> RenderableType:
    """The planted fault, and whether the engine named it."""
    planted = Text.assemble(("Planted: ", "dim"), (truth.kind, "bold"))
    if truth.entity:
        planted.append(f"  {entity_words(truth.entity)}")
    if truth.hosts:
        planted.append(f"  any of {', '.join(truth.hosts)}")
    if truth.onset_unix_ns is not None:
        planted.append(f"  since {rfc3339(truth.onset_unix_ns)}", "dim")
    if truth.kind == "none":
        verdict = "no cause was named, rightly" if hit else "a cause was named where there is none"
    else:
        verdict = "the first cause is what was planted" if hit else "the first cause is not what was planted"
    return Group(planted, Text(("✓ " if hit else "✗ ") + verdict, "green" if hit else "bold red"))

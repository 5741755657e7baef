"""Where a job's GPU time goes, as bars of shares by pipeline stage. Pure; our own words and numbers only."""

from collections.abc import Sequence
from typing import Final

from rootspan_analysis.training.step_parts import StageShare
from rootspan_dashboard.words.formats import format_number, format_ratio
from rootspan_dashboard.words.literal import escape

__all__ = ["SHARES", "computing_ratio", "shares_html", "stage_name"]

SHARES: Final = (
    ("compute_s", "computation", "#0072b2", "#ffffff"),
    ("collective_s", "exposed communication", "#cc79a7", "#000000"),
    ("idle_s", "bubbles and idle", "#8a8f98", "#000000"),
    ("data_s", "data loading", "#e69f00", "#000000"),
    ("checkpoint_s", "checkpoints", "#009e73", "#000000"),
)
"""Field, words, colour, and the colour of text on it."""
TOLD_FROM: Final = 0.06
"""Narrower parts have no room for their figure; it stands in their tooltip."""


def computing_ratio(shares: Sequence[StageShare]) -> float:
    """Share of all ranks' time that computes, 0-1."""
    total = sum(one.total_s for one in shares)
    return sum(one.compute_s for one in shares) / total if total else 0.0


def stage_name(stage: int) -> str:
    """`stage 3`, or all ranks where no stage is told."""
    return f"stage {stage}" if stage >= 0 else "all ranks"


def shares_html(shares: Sequence[StageShare]) -> str:
    """A bar for each stage, and what the colours are."""
    rows = "".join(
        f'<div class="row"><b>{escape(stage_name(one.stage))}</b>'
        f"<span>{one.ranks:,} ranks, {escape(format_number(one.total_s / 3600, 'GPU-h'))}</span>"
        f'<div class="bar" role="img" aria-label="{escape(_told(one))}">{_parts(one)}</div></div>'
        for one in shares
    )
    keys = "".join(
        f'<span><i style="background:{color}"></i>{escape(words)}</span>' for _, words, color, _ in SHARES
    )
    return f'<div class="rs-shares">{rows}<div class="keys">{keys}</div></div>'


def _of(one: StageShare, field: str) -> float:
    return float(getattr(one, field)) / one.total_s if one.total_s else 0.0


def _told(one: StageShare) -> str:
    return ", ".join(f"{words} {format_ratio(_of(one, field))}" for field, words, _, _ in SHARES)


def _parts(one: StageShare) -> str:
    parts = []
    for field, words, color, ink in SHARES:
        share = _of(one, field)
        if share <= 0:
            continue
        text = escape(format_ratio(share)) if share >= TOLD_FROM else ""
        parts.append(
            f'<i style="width:{share * 100:.3f}%;background:{color};color:{ink}" '
            f'title="{escape(words)} {escape(format_ratio(share))}">{text}</i>'
        )
    return "".join(parts)

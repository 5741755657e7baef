"""A cost report as a person reads it on a terminal.

Names come from senders of telemetry: they are printed as text, never read as markup.
"""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rootspan_cli.times import rfc3339

if TYPE_CHECKING:
    from rootspan_analysis.cost import CostReport, JobCost, ModelCost, ServiceCost

__all__ = ["render_cost"]

NOTHING = "-"


def render_cost(report: "CostReport") -> RenderableType:
    """The whole answer: totals, services, models, jobs, and a sentence for each job."""
    asked = report.question
    words, style = {
        "pays": ("Every job's distribution pays", "bold green"),
        "does_not_pay": ("Distribution that does not pay", "bold red"),
        "not_enough_data": ("No GPU told its utilisation and no training job ran", "bold yellow"),
    }[report.verdict]
    if report.verdict == "pays" and not report.jobs:
        words = "No training job ran"
    head = Text.assemble((words, style))
    if report.idle_ratio is not None:
        head.append(
            f"\nservices: {report.gpu_hours:,.2f} GPU-hours, {report.idle_ratio:.0%} of them idle, "
            f"cost {report.cost:,.2f}"
        )
    head.append(
        f"\n{rfc3339(asked.from_ns)} to {rfc3339(asked.to_ns)}, {asked.price:g} a GPU-hour"
        f"{', ' + asked.region if asked.region else ''}",
        "dim",
    )
    parts: list[RenderableType] = [head]
    if report.services:
        parts.append(_services(report.services))
    if report.models:
        parts.append(_models(report.models))
    if report.jobs:
        parts.append(_jobs(report.jobs))
        parts += [Text(f"• {one.text}", "" if one.pays else "red") for one in report.jobs]
    return Group(*parts)


def _table(*columns: str, texts: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number < texts else "right", overflow="fold")
    return table


def _services(rows: "tuple[ServiceCost, ...]") -> Table:
    table = _table(
        "service", "region", "GPUs", "GPU-h", "idle", "used", "cost", "requests", "per 1,000", texts=2
    )
    for one in rows:
        table.add_row(
            Text(one.service),
            Text(one.region),
            f"{one.gpus:,}",
            f"{one.gpu_hours:,.2f}",
            f"{one.idle_ratio:.0%}",
            f"{one.busy_ratio:.0%}",
            f"{one.cost:,.2f}",
            f"{one.requests:,.0f}",
            _money(one.per_thousand),
        )
    return table


def _models(rows: "tuple[ModelCost, ...]") -> Table:
    table = _table(
        "model", "service", "region", "GPU-h", "cost", "requests", "per 1,000", "per M tokens", texts=3
    )
    for one in rows:
        table.add_row(
            Text(one.model),
            Text(one.service),
            Text(one.region),
            f"{one.gpu_hours:,.2f}",
            f"{one.cost:,.2f}",
            f"{one.requests:,.0f}",
            _money(one.per_thousand),
            _money(one.per_million),
        )
    return table


def _jobs(rows: "tuple[JobCost, ...]") -> Table:
    table = _table("job", "GPUs", "GPU-h", "cost", "per M tokens", "efficiency", "wasted", texts=1)
    for one in rows:
        bound = "at most " if one.basis == "bounded" else ""
        table.add_row(
            Text(one.job),
            f"{one.ranks:,}",
            f"{one.gpu_hours:,.3f}",
            f"{one.cost:,.4f}",
            _money(one.per_million_tokens),
            NOTHING if one.efficiency is None else f"{bound}{one.efficiency:.0%}",
            f"{one.wasted_cost:,.4f}",
        )
    return table


def _money(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.4f}"

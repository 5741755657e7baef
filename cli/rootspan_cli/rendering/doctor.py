"""The doctor's report as a table."""

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rootspan_cli.doctor.report import Report

__all__ = ["render_report"]


def render_report(report: "Report") -> Table:
    """A row a check, with the next step under what is wrong."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for check in report.checks:
        mark = Text("✓", "green") if check.is_ok else Text("✗", "bold red")
        said = Text(check.said)
        if check.next_step:
            said.append(f"\n→ {check.next_step}", "yellow")
        table.add_row(mark, check.name, said)
    return table

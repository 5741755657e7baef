"""`rootspan sql`: one statement against the store, as a table or as JSON lines."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, StoresOption, examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

__all__ = ["EPILOG", "sql"]

EPILOG = examples(
    ('rootspan sql "SELECT ServiceName, count() FROM otel_traces GROUP BY ALL"', "a table"),
    ('rootspan sql "SELECT * FROM otel_logs LIMIT 5" | jq .Body', "JSON lines on a pipe"),
    ('rootspan sql "SHOW TABLES"', "what there is"),
    ('rootspan sql --store eu=URL,us=URL "SELECT count() FROM otel_traces"', "regions, one after the other"),
)


def sql(
    query: Annotated[
        str, typer.Argument(metavar="SQL", envvar="ROOTSPAN_SQL", help="One ClickHouse statement.")
    ],
    *,
    store: StoresOption = DEFAULT_STORE,
) -> None:
    """Run one SQL statement: a table on a terminal, JSON lines on a pipe.

    An error of ClickHouse is shown in one line with its code. Of several stores, each answers for itself:
    the first column says which.
    """
    with needing("client", "clickhouse_connect"):
        from rootspan_cli.stores import ALONE, ask_each, named_stores

    def ask(client: "Client") -> "tuple[Sequence[str], Sequence[Sequence[object]]]":
        result = client.query(query)
        return result.column_names, result.result_rows

    answers, failure = ask_each(named_stores(store), ask)
    names, rows = next(iter(answers.values()))
    if ALONE not in answers:
        names = ("store", *names)
        rows = [(name, *row) for name, (_, some) in answers.items() for row in some]
    if sys.stdout.isatty():
        _print_table(names, rows)
    else:
        for row in rows:
            print(json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False))
    if failure is not None:
        raise failure


def _print_table(names: "Sequence[str]", rows: "Sequence[Sequence[object]]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", show_edge=False)
    for place, name in enumerate(names):
        is_number = all(isinstance(row[place], int | float) for row in rows)
        table.add_column(Text(name), justify="right" if rows and is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("NULL", style="dim") if value is None else Text(str(value)) for value in row))
    console = Console()
    console.print(table)
    console.print(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}", style="dim", highlight=False)

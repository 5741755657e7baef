"""Reads the SQL of the read models and runs it: bound parameters in, an Arrow table out.

The only place of this package that touches a client. Fragments (`sql/fragments/`) are shared pieces of SQL
text that a statement names as `${fragment}`; nothing that a user typed ever becomes SQL text.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from string import Template
from typing import Protocol

import pyarrow as pa

from rootspan_analysis.reader import statement
from rootspan_analysis.views.raw_tables import in_range

__all__ = ["ArrowClient", "Parameter", "read_statement", "run_search", "run_statement"]

Parameter = str | int | float | list[str] | list[int]


class ArrowClient(Protocol):
    """What the read models need of `clickhouse_connect`'s client."""

    def query_arrow(self, query: str, parameters: dict[str, Parameter] | None = None) -> pa.Table:
        """Run a SELECT with server-side parameters."""
        ...


def _text(*path: str) -> str:
    return files("rootspan_analysis.views").joinpath("sql", *path).read_text(encoding="utf-8")


class _Fragments(dict[str, str]):
    """Reads a fragment when a statement names it; fragments may name others.

    `log_template` is the engine's: a page must sort records into the kinds that evidence speaks of.
    """

    def __missing__(self, name: str) -> str:
        if name == "log_template":
            lines = statement(name).splitlines()
            self[name] = "\n".join(line for line in lines if not line.startswith("--")).strip()
        else:
            self[name] = Template(_text("fragments", f"{name}.sql").strip()).substitute(self)
        return self[name]


@lru_cache(maxsize=256)
def read_statement(name: str, conditions: str = "true") -> str:
    """SQL text of `sql/NAME.sql` with its fragments filled in; `{name:Type}` parameters remain.

    Args:
        conditions: Takes the place of `${conditions}`; made by `attribute_conditions.py` of its own words.
    """
    return Template(_text(f"{name}.sql").strip()).substitute(_Fragments(conditions=conditions))


def run_statement(client: ArrowClient, name: str, **parameters: Parameter) -> pa.Table:
    """Run `sql/NAME.sql`.

    Returns:
        The result as Arrow; no rows when nothing matches.

    Raises:
        Exception: Whatever the client raises when the store is away or refuses the query.
    """
    return _run(client, read_statement(name), parameters)


def run_search(
    client: ArrowClient, name: str, conditions: str, parameters: Mapping[str, Parameter]
) -> pa.Table:
    """As `run_statement`, with conditions on attributes: see `read_statement`."""
    return _run(client, read_statement(name, conditions), parameters)


def _run(client: ArrowClient, text: str, parameters: Mapping[str, Parameter]) -> pa.Table:
    return client.query_arrow(in_range(client, text, parameters.get("from_ns")), parameters=dict(parameters))

"""Reads the training half's SQL and runs it: bound parameters in, an Arrow table out.

Owns the folder `training/sql` and how its fragments are put together. A statement names what it reads
(`${spans}`, `${ops}`, `${steps}`), and a `Reading` says how a job tells it. Nothing that a user typed ever
becomes SQL text, except in `render`, which quotes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final, Literal

import pyarrow as pa

from rootspan_analysis.evidence import inline
from rootspan_analysis.reader import Reader, Value, answer_of

__all__ = ["NATIVE", "Dialect", "Reading", "ask", "read_statement", "render"]

Dialect = Literal["native", "foreign"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a job tells what the statements want to know.

    Attributes:
        dialect: Whose attribute names its spans use.
        summaries: Whether steps carry `training.phase.<phase>.seconds`; else operations are spans.
        step_spans: Whether steps are spans; else a step is what its operations cover.
    """

    dialect: Dialect = "native"
    summaries: bool = False
    step_spans: bool = True


NATIVE: Final = Reading()


def _text(*path: str) -> str:
    return files("rootspan_analysis.training").joinpath("sql", *path).read_text(encoding="utf-8").strip()


class _Fragments(dict[str, str]):
    """Reads a fragment when a statement names it; fragments may name others."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(steps_only="true" if reading.step_spans else "false")
        self._files = {
            "spans": f"spans_{reading.dialect}",
            "ops": "ops_summaries" if reading.summaries else "ops_spans",
        }

    def __missing__(self, name: str) -> str:
        text = _text("fragments", f"{self._files.get(name, name)}.sql")
        self[name] = Template(text).substitute(self)
        return self[name]


@cache
def read_statement(name: str, reading: Reading = NATIVE) -> str:
    """SQL text of `training/sql/NAME.sql` with its fragments filled in; `{name:Type}` parameters remain."""
    return Template(_text(f"{name}.sql")).substitute(_Fragments(reading))


def render(name: str, values: Mapping[str, Value], reading: Reading = NATIVE) -> str:
    """The statement with its parameters as literals, so that it runs as it is."""
    return inline(read_statement(name, reading), values)


def ask(client: Reader, name: str, parameters: Mapping[str, Value], reading: Reading = NATIVE) -> pa.Table:
    """Answer of `training/sql/NAME.sql`.

    Raises:
        StoreError: The store refused the query, gave up or is not there.
    """
    return answer_of(client, f"training/{name}", read_statement(name, reading), parameters)

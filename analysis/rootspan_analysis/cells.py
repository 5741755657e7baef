"""Cells: what the store aggregated, as matrices of (cell, time bucket).

Owns fetching and pivoting. A cell is one combination of keys, such as service, operation, host and version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from rootspan_analysis.reader import Floats, Ints, Reader, Strings, Value, fetch, strings
from rootspan_analysis.window import Timeline

__all__ = ["COMPONENT_KEYS", "EDGE_KEYS", "Cells", "codes", "fetch_cells", "fetch_edges", "fetch_table"]

COMPONENT_KEYS: Final = (
    "service",
    "operation",
    "host",
    "region",
    "zone",
    "version",
    "gpu",
    "model",
)
EDGE_KEYS: Final = (
    "side",
    "caller",
    "caller_host",
    "caller_region",
    "caller_zone",
    "callee",
    "callee_host",
    "callee_region",
    "callee_zone",
)
MAX_PAIRED_HOSTS: Final = 300
"""Up to so many hosts, edges are told by pairs of hosts."""
_COMPONENT_VALUES: Final = (
    "n",
    "weight",
    "log_sum",
    "self_ms",
    "wait_ms",
    "errors",
    "children",
    "size",
    "size_log",
    "size_sq",
)
_EDGE_VALUES: Final = ("n", "weight", "answered", "log_sum", "gap_ms", "errors", "lost_ms")


@dataclass(frozen=True, slots=True)
class Cells:
    """Keys by name, one entry a cell, and values by name, (cells, buckets)."""

    keys: Mapping[str, Strings]
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(next(iter(self.keys.values())))

    def where(self, rows: np.ndarray) -> "Cells":
        """The cells that `rows` selects."""
        return Cells(
            {name: column[rows] for name, column in self.keys.items()},
            {name: matrix[rows] for name, matrix in self.values.items()},
        )


def codes(columns: Sequence[Strings]) -> Ints:
    """Number the distinct combinations of columns, 0, 1, … by first appearance."""
    seen: dict[tuple[str, ...], int] = {}
    rows = zip(*columns, strict=True)
    return np.array([seen.setdefault(row, len(seen)) for row in rows], dtype=np.int64)


def pivot(table: pa.Table, keys: Sequence[str], values: Sequence[str], timeline: Timeline) -> Cells:
    """Spread rows of (keys, arrays by bucket) over the timeline; buckets outside of it are dropped."""
    found = {name: strings(table, name) for name in keys}
    cells = table.num_rows
    matrices = {name: np.zeros((cells, timeline.size)) for name in values}
    if cells:
        buckets = table.column("buckets").combine_chunks()
        lengths = np.diff(buckets.offsets.to_numpy())
        row = np.repeat(np.arange(cells), lengths)
        place = timeline.places(buckets.flatten().to_numpy())
        inside = place >= 0
        for name in values:
            data = table.column(name).combine_chunks().flatten().to_numpy()
            matrices[name][row[inside], place[inside]] = data[inside]
    return Cells(found, matrices)


def fetch_cells(client: Reader, timeline: Timeline, parameters: Mapping[str, Value]) -> Cells:
    """Self time, wait and errors of components. May be empty.

    Raises:
        StoreError: The store did not answer.
    """
    table = fetch(client, "cells", parameters)
    return pivot(table, COMPONENT_KEYS, _COMPONENT_VALUES, timeline)


def fetch_edges(client: Reader, timeline: Timeline, parameters: Mapping[str, Value], *, hosts: int) -> Cells:
    """Gaps, errors and missing answers of calls between services. May be empty.

    Args:
        hosts: How many there are. Of many, key `side` is `callee` or `caller`, and cells know the host of
            that side only; every call is in one cell of each. Of few, it is `both`.

    Raises:
        StoreError: The store did not answer.
    """
    sides = ["both"] if hosts <= MAX_PAIRED_HOSTS else ["callee", "caller"]
    table = fetch(client, "edges", {**parameters, "sides": sides})
    return pivot(table, EDGE_KEYS, _EDGE_VALUES, timeline)


def fetch_table(
    client: Reader,
    name: str,
    timeline: Timeline,
    parameters: Mapping[str, Value],
    *,
    keys: Sequence[str],
    values: Sequence[str],
) -> Cells:
    """Cells of any other statement that returns keys, `buckets` and arrays of values. May be empty.

    Raises:
        StoreError: The store did not answer.
    """
    return pivot(fetch(client, name, parameters), keys, values, timeline)

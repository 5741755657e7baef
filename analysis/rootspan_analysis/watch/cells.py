"""Counts of one series by time bucket, with a log histogram: what objectives are evaluated on.

Owns the columns of the watcher's SQL and the arithmetic of histograms. Bucket b holds durations of
[2^(b/8), 2^((b+1)/8)) ns, as the rollup `otel_spans_1m` has it (9 % wide).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["BINS_PER_OCTAVE", "Cell", "Cells", "Series", "cells_of", "merged"]

BINS_PER_OCTAVE: Final = 8
NS_PER_S: Final = 1e9


class Series(NamedTuple):
    """What is measured: `requests`, `queue_wait` or `time_to_first_token` of a service, `steps` of a job."""

    measure: str
    service: str
    operation: str
    job: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One series in one bucket of time.

    Attributes:
        n, errors: Requests (or steps), and failed ones.
        total_s: Sum of durations.
        bins, counts: Histogram, in any order.
    """

    n: int
    errors: int
    total_s: float
    bins: NDArray[np.int64]
    counts: NDArray[np.int64]

    def above(self, limit_s: float) -> float:
        """Number of durations above a limit; within a bin they count as spread evenly over its logarithm."""
        place = math.log2(max(limit_s * NS_PER_S, 1.0)) * BINS_PER_OCTAVE
        whole = math.floor(place)
        return float(
            self.counts[self.bins > whole].sum()
            + (1 - (place - whole)) * self.counts[self.bins == whole].sum()
        )

    def quantile_s(self, q: float) -> float:
        """The q-quantile (0-1) in seconds; NaN without durations."""
        total = float(self.counts.sum())
        if not total:
            return math.nan
        order = np.argsort(self.bins, kind="stable")
        reached = np.cumsum(self.counts[order])
        at = int(np.searchsorted(reached, q * total))
        at = min(at, len(order) - 1)
        inside = float(self.counts[order][at])
        fraction = (q * total - (float(reached[at]) - inside)) / inside if inside else 0.0
        return float(2.0 ** ((float(self.bins[order][at]) + fraction) / BINS_PER_OCTAVE) / NS_PER_S)


Cells = dict[Series, dict[int, Cell]]
"""By series and begin of the bucket in unix seconds."""


def merged(cells: Iterable[Cell]) -> Cell:
    """All of them as one; empty for none."""
    each = list(cells)
    if not each:
        empty = np.empty(0, dtype=np.int64)
        return Cell(0, 0, 0.0, empty, empty)
    bins = np.concatenate([one.bins for one in each])
    kept, place = np.unique(bins, return_inverse=True)
    counts = np.bincount(place, weights=np.concatenate([one.counts for one in each]), minlength=len(kept))
    return Cell(
        n=sum(one.n for one in each),
        errors=sum(one.errors for one in each),
        total_s=sum(one.total_s for one in each),
        bins=kept,
        counts=counts.astype(np.int64),
    )


def cells_of(table: pa.Table, measure: str | None = None) -> Cells:
    """Cells out of an answer of `recent`, `minutes`, `attributes` or `steps`.sql.

    Args:
        measure: What the rows measure; None: they say so in the column `kind`.
    """
    found: Cells = {}
    names = set(table.column_names)
    if not table.num_rows:
        return found

    def texts(name: str) -> list[str]:
        if name not in names:
            return [""] * table.num_rows
        return [one.decode() if isinstance(one, bytes) else one for one in table.column(name).to_pylist()]

    measures = texts("kind") if measure is None else [measure] * table.num_rows
    keys: Iterable[tuple[str, str, str, str]] = zip(
        measures, texts("service"), texts("operation"), texts("job"), strict=True
    )
    columns: Mapping[str, list[object]] = {
        name: table.column(name).to_pylist() for name in ("bucket", "requests", "errors", "total_s")
    }
    bins, counts = _lists(table, "bins"), _lists(table, "counts")
    for i, key in enumerate(keys):
        found.setdefault(Series(*key), {})[int(str(columns["bucket"][i]))] = Cell(
            n=int(str(columns["requests"][i])),
            errors=int(str(columns["errors"][i])),
            total_s=float(str(columns["total_s"][i])),
            bins=bins[i],
            counts=counts[i],
        )
    return found


def _lists(table: pa.Table, name: str) -> list[NDArray[np.int64]]:
    """A column of lists as arrays, without a walk over its values."""
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    values = np.asarray(column.values.to_numpy(zero_copy_only=False), dtype=np.int64)
    offsets = column.offsets.to_numpy()
    return [values[begin:end] for begin, end in pairwise(offsets.tolist())]

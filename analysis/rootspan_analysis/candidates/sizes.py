"""Requests that are larger than before: what their size explains of how long they take.

Owns the slope of time over size. Larger requests are load, and no part's fault.
"""

from typing import Final

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import Interval
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["find_larger", "without_size"]

MIN_CALLS: Final = 100.0
"""From which a slope is read."""
MIN_HEAVIER: Final = float(np.log(1.1))
"""Of the time that a call takes, by its size alone; the least that makes a symptom."""
MAX_SLOPE: Final = 1.5
"""Of log time over log size; more than a little above proportional is no matter of size."""


def _slope(cells: Cells, base: np.ndarray) -> float:
    """Slope of log self time over log size among calls of the same cell, in the baseline; 0 if there is none.

    Sums of squares within cells, pooled: what distinguishes cells (a host, a model) is not taken for size.
    """
    n, size, log_sum, product, square = (
        cells.values[name][:, base].sum(axis=1) for name in ("n", "size", "log_sum", "size_log", "size_sq")
    )
    known = (n >= 2) & (size > 0)
    if n[known].sum() < MIN_CALLS:
        return 0.0
    spread = float((square[known] - size[known] ** 2 / n[known]).sum())
    both = float((product[known] - size[known] * log_sum[known] / n[known]).sum())
    return float(np.clip(both / spread, 0.0, MAX_SLOPE)) if spread > 1e-6 * n[known].sum() else 0.0


def _usual(cells: Cells, base: np.ndarray) -> float:
    return float(cells.values["size"][:, base].sum() / max(cells.values["n"][:, base].sum(), 1.0))


def without_size(cells: Cells, scene: Scene) -> Floats:
    """`log_sum` of one operation's cells as it would be if all calls had the usual size."""
    log_sum = cells.values["log_sum"]
    if not cells.values["size"].any():
        return log_sum
    more = cells.values["size"] - cells.values["n"] * _usual(cells, scene.base)
    return np.asarray(log_sum - _slope(cells, scene.base) * more)


def find_larger(cells: Cells, scene: Scene, service: str, operation: str) -> list[Finding]:
    """Of one operation's cells: whether calls take longer by their size alone."""
    if not cells.values["size"].any() or not scene.settled:
        return []
    slope, usual = _slope(cells, scene.base), _usual(cells, scene.base)
    n, size = cells.values["n"].sum(axis=0), cells.values["size"].sum(axis=0)
    heavier = np.where(n > 0, slope * (size / np.maximum(n, 1.0) - usual), 0.0)
    high = heavier >= MIN_HEAVIER
    high[: scene.search.start] = False
    if high.sum() < 3:
        return []
    start = int(np.flatnonzero(high)[0])
    now = float(size[high].sum() / n[high].sum())
    past = heavier[scene.base]
    z = float(heavier[high].mean() / max(float(np.std(past)), 0.02))
    weight = cells.values["weight"][:, high].sum()
    return [
        Finding(
            signal="size",
            kind="operation",
            entity={"service.name": service, "span.name": operation},
            fault="load",
            service=service,
            peer="",
            operation=operation,
            hosts=frozenset(),
            shift=float(heavier[high].mean()),
            z=z,
            p_value=float(np.exp(-z)),
            interval=Interval(start, int(np.flatnonzero(high)[-1]) + 1),
            requests=float(weight),
            detail={"usual": float(np.expm1(usual)), "now": float(np.expm1(now))},
        )
    ]

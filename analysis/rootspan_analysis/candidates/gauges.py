"""Gauges of GPUs that stand beneath a finding about their host.

Owns which gauges count and how far they must move.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["KEYS", "METRICS", "corroborate"]

KEYS: Final = ("metric", "service", "host", "gpu")
GPU: Final[Mapping[str, int]] = {"hw.gpu.clock": -1, "hw.gpu.throttled": 1, "hw.temperature": 1}
"""And the direction in which each is bad."""
METRICS: Final = tuple(GPU)
CORROBORATES: Final = 3.0


def corroborate(finding: Finding, gauges: Cells, scene: Scene) -> list[Finding]:
    """GPU gauges of a finding's only host that moved the bad way, as support."""
    if len(finding.hosts) != 1:
        return []
    (host,) = finding.hosts
    span = slice(finding.interval.start, finding.interval.stop)
    support = []
    for metric, direction in GPU.items():
        rows = np.flatnonzero((gauges.keys["metric"] == metric) & (gauges.keys["host"] == host))
        for values in _level(gauges, rows):
            past, now = values[scene.base], values[span]
            past, now = past[np.isfinite(past)], now[np.isfinite(now)]
            if len(past) < 3 or not len(now):
                continue
            usual = float(np.mean(past))
            spread = max(float(np.std(past)), 0.02 * abs(usual), 1e-3)
            z = direction * (float(np.mean(now)) - usual) / spread
            if z >= CORROBORATES:
                support.append(
                    replace(
                        finding,
                        signal="gauge",
                        operation=metric,
                        z=float(z),
                        detail={"usual": usual, "now": float(np.mean(now))},
                        words={"metric": metric, "host": host},
                        support=(),
                    )
                )
    return support


def _level(gauges: Cells, rows: np.ndarray) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        n = gauges.values["n"][rows]
        return np.where(n > 0, gauges.values["total"][rows] / n, np.nan)

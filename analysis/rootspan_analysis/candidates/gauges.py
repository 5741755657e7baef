"""Gauges of a machine that stand beneath a finding about it: its GPU's, and who waits for its processors.

Owns which gauges count, how far they must move, and when a slow machine is slow by its neighbours' doing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rootspan import semconv
from rootspan_analysis.candidates import processors
from rootspan_analysis.cells import Cells
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["GPU", "KEYS", "METRICS", "NOISY", "corroborate"]

KEYS: Final = ("metric", "service", "host", "gpu")
GPU: Final[Mapping[str, int]] = {"hw.gpu.clock": -1, "hw.gpu.throttled": 1, "hw.temperature": 1}
"""And the direction in which each is bad."""
SLOWED: Final = ("hw.gpu.clock", "hw.gpu.throttled")
"""What a GPU tells that computes more slowly, whoever else is on its machine; warm it gets by work alone."""
PRESSURE: Final = semconv.METRIC_CPU_PRESSURE
MOVES: Final[Mapping[str, int]] = {**GPU, PRESSURE: 1}
METRICS: Final = (*MOVES, *processors.METRICS)
NOISY: Final = "noisy_neighbour"
CORROBORATES: Final = 3.0
MIN_WAITING: Final = 0.1
"""Of the time, more than usual, in which a task waits for a processor: less slows nobody noticeably."""
BUSIER: Final = 1.5
"""Times its usual processor use from which on a process is slow by its own doing (as `processors`)."""


def corroborate(finding: Finding, gauges: Cells, scene: Scene) -> Finding:
    """The finding with the gauges of its only host that moved the bad way, as support.

    A service that is slow on a machine whose processors are waited for more than usual, and that does not use
    more of them itself, has a noisy neighbour there; unless its GPU says that it is the slow one.
    """
    if len(finding.hosts) != 1:
        return finding
    (host,) = finding.hosts
    support = []
    for metric, direction in MOVES.items():
        rows = np.flatnonzero((gauges.keys["metric"] == metric) & (gauges.keys["host"] == host))
        for past, now in _before_and_after(gauges, rows, finding, scene):
            usual, level = float(np.mean(past)), float(np.mean(now))
            spread = max(float(np.std(past)), 0.02 * abs(usual), 1e-3)
            z = direction * (level - usual) / spread
            if z < CORROBORATES or (metric == PRESSURE and level - usual < MIN_WAITING):
                continue
            support.append(
                replace(
                    finding,
                    signal="gauge",
                    operation=metric,
                    z=float(z),
                    detail={"usual": usual, "now": level},
                    words={"metric": metric, "host": host},
                    support=(),
                )
            )
    moved = {one.operation for one in support}
    others_do = PRESSURE in moved and moved.isdisjoint(SLOWED) and not _is_busier(finding, gauges, scene)
    if finding.signal == "slow" and others_do:
        finding = replace(finding, fault=NOISY)
    return finding.supported_by(*support)


def _is_busier(finding: Finding, gauges: Cells, scene: Scene) -> bool:
    """Whether the service itself uses more of the machine's processors, where it tells."""
    mine = (gauges.keys["service"] == finding.service) & np.isin(gauges.keys["host"], list(finding.hosts))
    rows = np.flatnonzero(mine & np.isin(gauges.keys["metric"], processors.METRICS))
    return any(
        float(np.mean(now)) >= BUSIER * float(np.mean(past))
        for past, now in _before_and_after(gauges, rows, finding, scene)
    )


def _before_and_after(
    gauges: Cells, rows: np.ndarray, finding: Finding, scene: Scene
) -> Iterator[tuple[Floats, Floats]]:
    """Of each row with enough of both: what was told in the baseline, and while the finding lasts."""
    span = slice(finding.interval.start, finding.interval.stop)
    for values in _level(gauges, rows):
        past, now = values[scene.base], values[span]
        past, now = past[np.isfinite(past)], now[np.isfinite(now)]
        if len(past) >= 3 and len(now):
            yield past, now


def _level(gauges: Cells, rows: np.ndarray) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        n = gauges.values["n"][rows]
        return np.where(n > 0, gauges.values["total"][rows] / n, np.nan)

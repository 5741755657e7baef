"""Gauges of processors and GPUs against their own history: evidence for a service, support for a host.

Owns which gauges count and how far they must move. Use that grows with its service's calls is load.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import Interval, gumbel_p
from rootspan_analysis.finding import Finding
from rootspan_analysis.reader import Floats
from rootspan_analysis.scene import Scene

__all__ = ["KEYS", "METRICS", "corroborate", "find_busy"]

KEYS: Final = ("metric", "service", "host", "gpu")
CPU: Final = (
    "k8s.pod.cpu.utilization",
    "k8s.pod.cpu.usage",
    "container.cpu.usage",
    "process.cpu.utilization",
    "k8s.container.cpu.usage",
)
GPU: Final[Mapping[str, int]] = {"hw.gpu.clock": -1, "hw.gpu.throttled": 1, "hw.temperature": 1}
"""And the direction in which each is bad."""
METRICS: Final = (*CPU, *GPU)
MIN_Z: Final = 4.0
RELATIVE_FLOOR: Final = 0.15
"""Of the level: the floor of root-cause.md, since a bare MAD inflates on quiet nodes."""
MIN_RATIO: Final = 1.5
MARGIN: Final = 1.5
"""Beyond the most that quiet windows have seen of the kind."""
MAX_P: Final = 0.01
_MAD_TO_SIGMA: Final = 1.4826
CORROBORATES: Final = 3.0


def find_busy(gauges: Cells, cells: Cells, scene: Scene) -> list[Finding]:
    """Services whose processor use left its own history, beyond what more calls explain.

    Processors have bursts: what counts is to stand out more than anything of the kind did in quiet windows.
    """
    best: dict[str, Finding] = {}
    for metric in CPU:
        rows = np.flatnonzero(gauges.keys["metric"] == metric)
        if not len(rows):
            continue
        level = _level(gauges, rows)
        services = gauges.keys["service"][rows]
        more = np.array([_load_ratio(cells, one, scene) for one in services])
        usual, z = _stands_out(level, scene.incident, scene, more)
        quiet = [_stands_out(level, one, scene, np.ones(len(rows)))[1] for one in scene.quiet_windows()]
        maxima = np.array([float(np.nanmax(one, initial=1.0)) for one in quiet])
        span = slice(scene.incident.start, scene.incident.stop)
        for i, row in enumerate(rows.tolist()):
            now = _median(level[[i], span])[0]
            # Bursts have heavy tails, which a logarithm makes light enough for a law of maxima.
            p = gumbel_p(float(np.log(max(z[i], 1.0))), np.log(np.maximum(maxima, 1.0)))
            beyond = not len(maxima) or z[i] >= MARGIN * float(maxima.max())
            if not (z[i] >= MIN_Z and now >= MIN_RATIO * usual[i] and beyond and services[i]) or p > MAX_P:
                continue
            host = gauges.keys["host"][row]
            known = best.get(services[i])
            if known is not None and known.z >= z[i]:
                continue
            best[services[i]] = Finding(
                signal="gauge",
                kind="host" if host else "service",
                entity={"service.name": services[i]} | ({"host.name": host} if host else {}),
                fault="cpu_contention",
                service=services[i],
                peer="",
                operation="",
                hosts=frozenset({host} - {""}),
                shift=float(np.log(now / max(usual[i], 1e-9))),
                z=float(z[i]),
                p_value=p,
                interval=scene.incident,
                detail={"usual": float(usual[i]), "now": float(now)},
                words={"metric": metric, "host": host},
            )
    return list(best.values())


def _stands_out(level: Floats, interval: Interval, scene: Scene, more: Floats) -> tuple[Floats, Floats]:
    """Usual level by row, and how many robust deviations the median within an interval is above it."""
    usual = _median(level[:, scene.base])
    spread = _MAD_TO_SIGMA * _median(np.abs(level[:, scene.base] - usual[:, None]))
    spread = np.maximum(np.maximum(spread, RELATIVE_FLOOR * np.abs(usual)), 1e-9)
    now = _median(level[:, interval.start : interval.stop])
    return usual, np.nan_to_num((now - usual * np.maximum(1.0, more)) / spread)


def _median(values: Floats) -> Floats:
    """By row, without gaps; NaN where there is nothing."""
    found = np.full(len(values), np.nan)
    rows = np.isfinite(values).any(axis=1)
    if rows.any():
        found[rows] = np.nanmedian(values[rows], axis=1)
    return found


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


def _load_ratio(cells: Cells, service: str, scene: Scene) -> float:
    """Calls a bucket in the incident as a multiple of the baseline's; 1 where unknown."""
    mine = cells.values["n"][cells.keys["service"] == service].sum(axis=0)
    past, now = mine[scene.base], mine[scene.incident.start : scene.incident.stop]
    past, now = past[past > 0], now[now > 0]
    return float(now.mean() / past.mean()) if len(past) >= 3 and len(now) else 1.0

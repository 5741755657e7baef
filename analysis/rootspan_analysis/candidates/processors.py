"""Services whose processor use left its own history, beyond what more calls explain.

Owns the rule for contention. Gauges come by themselves, requests or not, so they have a history of their own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.cells import Cells
from rootspan_analysis.contrast import gumbel_p
from rootspan_analysis.finding import Finding
from rootspan_analysis.question import NS_PER_S, Question
from rootspan_analysis.reader import Floats, Reader, Value, fetch, strings
from rootspan_analysis.scene import Scene

__all__ = ["Processors", "fetch_processors", "find_busy"]

METRICS: Final = (
    "k8s.pod.cpu.utilization",
    "k8s.pod.cpu.usage",
    "container.cpu.usage",
    "process.cpu.utilization",
    "k8s.container.cpu.usage",
)
HISTORY_S: Final = 3 * 3600
MINUTE_S: Final = 60
MIN_PAST: Final = 3
"""Minutes before the window; with fewer there is nothing to compare with."""
MIN_Z: Final = 4.0
MIN_RATIO: Final = 1.5
RELATIVE_FLOOR: Final = 0.15
"""Of the level: the floor of root-cause.md, since a bare MAD inflates on quiet nodes."""
FLEET_FLOOR: Final = 0.25
"""Of what is typical of the services: from nearly nothing to a little is no contention."""
UPPER: Final = 1 / 3
"""The window's level is that which this share of its minutes reach: a fault may have begun late in it."""
MIN_WHOLE: Final = 3
"""Whole minutes of a window from which on one minute alone is a burst; shorter ones may hold one report."""
MAX_P: Final = 0.01
MARGIN: Final = 1.5
LOUD: Final = 0.75
"""Beyond what the louder quarter of quiet times begins with: whether a burst falls into one or not is chance,
which no law of maxima describes."""
RECURS: Final = 0.7
MAX_BLOCKS: Final = 32
_MAD_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Processors:
    """Series by (metric, service, host) over minutes; NaN where nothing was reported.

    Attributes:
        before: Number of minutes that lie before the window.
        whole: Whole minutes that the window is long; it touches one or two more.
    """

    metric: list[str]
    service: list[str]
    host: list[str]
    level: Floats
    before: int
    whole: int


def fetch_processors(client: Reader, question: Question) -> Processors:
    """Processor gauges of the window's minutes and of three hours before. May be empty.

    Raises:
        StoreError: The store did not answer.
    """
    first = question.from_ns // NS_PER_S // MINUTE_S * MINUTE_S
    start = first - HISTORY_S
    stop = -(-question.to_ns // NS_PER_S // MINUTE_S) * MINUTE_S
    values: dict[str, Value] = {
        "metrics": list(METRICS),
        "from_s": start,
        "to_s": stop,
        "service": question.service or "",
    }
    table = fetch(client, "processors", values)
    level = np.full((table.num_rows, (stop - start) // MINUTE_S), np.nan)
    for row, (minutes, value) in enumerate(
        zip(table.column("minutes").to_pylist(), table.column("value").to_pylist(), strict=True)
        if table.num_rows
        else ()
    ):
        level[row, (np.array(minutes) - start) // MINUTE_S] = value
    names = [
        strings(table, name).tolist() if table.num_rows else [] for name in ("metric", "service", "host")
    ]
    whole = int(question.window.duration_s // MINUTE_S)
    return Processors(names[0], names[1], names[2], level, HISTORY_S // MINUTE_S, whole)


def find_busy(processors: Processors, cells: Cells, scene: Scene) -> list[Finding]:
    """The busiest instance of each service that stands out.

    Processors have bursts: what counts is to stand out more than anything of the kind does in quiet times.
    """
    best: dict[str, Finding] = {}
    for metric in METRICS:
        rows = [i for i, one in enumerate(processors.metric) if one == metric]
        if not rows:
            continue
        # The minute before the window may hold the onset already.
        past, now = (
            processors.level[rows, : processors.before - 1],
            processors.level[rows, processors.before :],
        )
        usual, spread = _usual(past)
        seen = _upper(now, processors.whole)
        more = np.array([_load_ratio(cells, processors.service[i], processors.host[i], scene) for i in rows])
        z = np.nan_to_num((seen - usual * np.maximum(1.0, more)) / spread)
        blocks = _blocks(past, now.shape[1])
        before = np.array([np.nan_to_num((_upper(one, processors.whole) - usual) / spread) for one in blocks])
        maxima = np.log(np.maximum(before, 1.0)).max(axis=1) if len(before) else np.zeros(0)
        for place, row in enumerate(rows):
            value = float(z[place])
            if value < MIN_Z or seen[place] < MIN_RATIO * usual[place]:
                continue
            # Bursts have heavy tails, which a logarithm makes light enough for a law of maxima.
            p = gumbel_p(math.log(value), maxima) if len(maxima) >= 3 else 1 / value
            if len(maxima) >= 3 and value < MARGIN * math.exp(float(np.quantile(maxima, LOUD))):
                continue
            again = float((before[:, place] >= RECURS * value).mean()) if len(before) else 0.0
            value *= max(0.0, 1 - 2 * again)
            service, host = processors.service[row], processors.host[row]
            known = best.get(service)
            if p > MAX_P or value < MIN_Z or (known is not None and known.z >= value):
                continue
            detail = {"usual": float(usual[place]), "now": float(seen[place])}
            best[service] = _finding((metric, service, host), value, p, detail, scene)
    return list(best.values())


def _finding(
    name: tuple[str, str, str], z: float, p: float, detail: Mapping[str, float], scene: Scene
) -> Finding:
    metric, service, host = name
    return Finding(
        signal="gauge",
        kind="host" if host else "service",
        entity={"service.name": service} | ({"host.name": host} if host else {}),
        fault="cpu_contention",
        service=service,
        peer="",
        operation="",
        hosts=frozenset({host} - {""}),
        shift=float(np.log(detail["now"] / max(detail["usual"], 1e-9))),
        z=z,
        p_value=p,
        interval=scene.incident,
        detail=detail,
        words={"metric": metric, "host": host},
    )


def _usual(past: Floats) -> tuple[Floats, Floats]:
    """Level and spread by row; NaN where the past is too short."""
    known = np.isfinite(past).sum(axis=1) >= MIN_PAST
    usual, spread = np.full(len(past), np.nan), np.full(len(past), np.nan)
    if known.any():
        usual[known] = np.nanmedian(past[known], axis=1)
        spread[known] = _MAD_TO_SIGMA * np.nanmedian(np.abs(past[known] - usual[known, None]), axis=1)
        typical = FLEET_FLOOR * float(np.nanmedian(usual))
        spread = np.fmax(np.fmax(spread, RELATIVE_FLOOR * np.abs(usual)), max(typical, 1e-9))
    return usual, spread


def _upper(values: Floats, whole: int) -> Floats:
    """The level that a third of the minutes reach, by row; in short windows the highest."""
    found = np.full(len(values), np.nan)
    for i, row in enumerate(values):
        known = np.sort(row[np.isfinite(row)])[::-1]
        if len(known):
            least = 2 if whole >= MIN_WHOLE and len(known) > 1 else 1
            share = math.ceil(len(known) * UPPER) if whole >= MIN_WHOLE else 1
            found[i] = known[max(share, least) - 1]
    return found


def _blocks(past: Floats, length: int) -> list[Floats]:
    """Stretches of the past as long as the window, latest first."""
    stops = range(past.shape[1], length - 1, -length)
    found = [past[:, stop - length : stop] for stop in stops]
    return [one for one in found if np.isfinite(one).any()][:MAX_BLOCKS]


def _load_ratio(cells: Cells, service: str, host: str, scene: Scene) -> float:
    """Calls answered and made, as a third of the incident's buckets reach, to the usual; 1 where unknown.

    Of the instance, where spans tell hosts: one that is sent more, or asks again and again, is busier for it.
    A third, as of the gauge: the window may begin before the calls do.
    """
    rows = cells.keys["service"] == service
    here = rows & (cells.keys["host"] == host)
    calls = cells.values["n"] + cells.values.get("children", 0.0)
    mine = calls[here if host and here.any() else rows].sum(axis=0)
    past, now = mine[scene.base], mine[scene.incident.start : scene.incident.stop]
    past, now = past[past > 0], now[now > 0]
    if len(past) < 3 or not len(now):
        return 1.0
    return float(np.sort(now)[::-1][math.ceil(len(now) * UPPER) - 1] / past.mean())

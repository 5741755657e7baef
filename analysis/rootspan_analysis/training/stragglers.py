"""Finds ranks that compute more slowly than their data-parallel peers, and since when.

Owns the straggler's rule: at the same step, stage and operation a rank takes at least 1.1 times its peers'
median, in at least 80 % of the steps of a stretch, more often than chance or uneven data make anyone lag.
Waiting never counts: whoever waits longest is a victim.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rootspan_analysis.reader import Floats, Reader
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.placement import NOWHERE, Place, Places
from rootspan_analysis.training.statements import ask

__all__ = [
    "COMPUTE_PHASES",
    "MIN_RATIO",
    "MIN_SHARE_OF_STEPS",
    "Straggler",
    "Stretch",
    "find_stragglers",
    "lagging_stretch",
]

COMPUTE_PHASES: Final = ("forward", "backward", "optimizer")
MIN_RATIO: Final = 1.1
"""root-cause.md: lag of at least 10 %."""
MIN_SHARE_OF_STEPS: Final = 0.8
MIN_STEPS: Final = 8
MIN_STEP_SHARE: Final = 0.02
"""Of the step: a lag that costs less is not worth a name, however sure it is."""
MAX_P: Final = 0.01
MAX_CANDIDATES: Final = 64
_CLIP: Final = 0.1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps in which a rank lags.

    Attributes:
        first, stop: Places in the series, half-open.
        share: Of these steps in which it lags.
        p_value: Chance of so many, over all ranks and stretches.
    """

    first: int
    stop: int
    share: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Straggler:
    """A rank that computes too slowly.

    Attributes:
        dp, tp, stage: -1 where unknown.
        ops: Operations that lag, the costliest first.
        ratio: Its time to the peers' median, of the costliest operation, median over the stretch.
        usual_s: The peers' median of that operation in a step.
        excess_s: Seconds beyond the peers' median a step, all lagging operations.
        first_step, last_step: Steps between which it lags.
        steps: Steps compared in between.
    """

    rank: int
    dp: int
    tp: int
    stage: int
    host: str
    ops: tuple[str, ...]
    ratio: float
    usual_s: float
    excess_s: float
    first_step: int
    last_step: int
    steps: int
    share: float
    p_value: float


def find_stragglers(client: Reader, job: Job, places: Places, step_s: float) -> list[Straggler]:
    """Stragglers of a job, the costliest first. Empty for a job without data-parallel peers.

    Args:
        step_s: The job's median step.

    Raises:
        StoreError: The store did not answer.
    """
    if job.ranks < 2 or not step_s > 0:
        return []
    values = job.parameters(
        by_tensor=int(job.dp_size > 1),
        phases=list(COMPUTE_PHASES),
        ratio=MIN_RATIO,
        most=MAX_CANDIDATES,
    )
    by_rank: dict[int, list[tuple[Mapping[str, Any], Stretch]]] = defaultdict(list)
    for row in ask(client, "stragglers", values, job.reading).to_pylist():
        by_step = np.argsort(row["at_step"])
        for name in ("at_step", "lag", "excess"):
            row[name] = np.asarray(row[name])[by_step]
        lag = row["lag"]
        stretch = lagging_stretch(lag, row["lagging_cells"] / row["cells"], series=max(1, job.ranks))
        if stretch is not None:
            by_rank[row["rank"]].append((row, stretch))
    found = [_judge(places.by_rank.get(rank, NOWHERE), rank, rows) for rank, rows in by_rank.items()]
    worth = [one for one in found if one.excess_s >= MIN_STEP_SHARE * step_s]
    return sorted(worth, key=lambda one: -one.excess_s * one.steps)


def lagging_stretch(lag: Floats, usual_rate: float, *, series: int) -> Stretch | None:
    """The stretch of steps in which a series lags most; None if it is too short, too patchy, or chance.

    Args:
        lag: Log ratio to the peers, by step.
        usual_rate: How often any rank lags.
        series: Among how many the candidate was picked.
    """
    over = np.clip(lag - np.log(MIN_RATIO), -_CLIP, _CLIP)
    # The stretch with the largest sum (Kadane).
    total = np.concatenate([[0.0], np.cumsum(over)])
    lowest = np.minimum.accumulate(total[:-1])
    gain = total[1:] - lowest
    stop = int(np.argmax(gain)) + 1
    first = int(np.argmin(total[:stop]))
    n = stop - first
    hits = int((lag[first:stop] >= np.log(MIN_RATIO)).sum())
    if n < MIN_STEPS or hits < MIN_SHARE_OF_STEPS * n:
        return None
    tries = series * len(lag) ** 2 / 2
    p_value = min(1.0, _at_least(hits, n, min(max(usual_rate, 1e-3), 0.999)) * tries)
    return Stretch(first, stop, hits / n, p_value) if p_value <= MAX_P else None


def _at_least(hits: int, n: int, rate: float) -> float:
    """Upper bound of the chance of at least `hits` in `n` (Chernoff, 1952)."""
    share = hits / n
    if share <= rate:
        return 1.0
    divergence = share * np.log(share / rate)
    if share < 1:
        divergence += (1 - share) * np.log((1 - share) / (1 - rate))
    return float(np.exp(-n * divergence))


def _judge(place: Place, rank: int, rows: list[tuple[Mapping[str, Any], Stretch]]) -> Straggler:
    cost = [float(np.sum(row["excess"][one.first : one.stop])) for row, one in rows]
    order = np.argsort(cost)[::-1].tolist()
    main, stretch = rows[order[0]]
    steps = main["at_step"]
    n = stretch.stop - stretch.first
    return Straggler(
        rank=rank,
        dp=place.dp,
        tp=place.tp,
        stage=place.stage,
        host=place.host,
        ops=tuple(rows[i][0]["op"] for i in order),
        ratio=float(np.exp(np.median(main["lag"][stretch.first : stretch.stop]))),
        usual_s=main["usual_s"],
        excess_s=sum(cost) / n,
        first_step=int(steps[stretch.first]),
        last_step=int(steps[stretch.stop - 1]),
        steps=n,
        share=stretch.share,
        p_value=stretch.p_value,
    )

"""Finds stalls that ended: a step that lasts several steps' time, and the rank that all others waited for.

Owns the rule. In such a step who waits is a victim; who does not wait kept the others waiting. A stall that a
watchdog told of counts whatever it cost, else only one that costs what is worth a name. A save is no stall,
and first steps are long.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from rootspan_analysis.explanation import Evidence
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.reader import Value
from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.hang import fetch_pending
from rootspan_analysis.training.placement import NOWHERE

__all__ = ["Stall", "blame_stall", "find_stalls"]

USUAL_STEPS: Final = 3.0
"""Beyond the usual step. The SDK's watchdog takes nothing shorter for a hang."""
MIN_SHARE: Final = 0.1
"""Of the job's time: without it the job gains the smallest effect that counts, 1.1 times (root-cause.md)."""
WAITING_SHARE: Final = 0.5
"""Of the stall: who waits longer than this did not cause it, and no two ranks can each have caused half."""
MIN_STEPS: Final = 8
WARM_UP: Final = 3
MAX_STALLS: Final = 16
AROUND_STEPS: Final = 30
"""Steps that are shown before and after a stall."""
MAX_RANKS: Final = 64
_SAVES: Final = frozenset({"checkpoint", "eval"})


@dataclass(frozen=True, slots=True)
class Stall:
    """One long step.

    Attributes:
        step: Its number.
        lost_s: Its duration beyond the usual step's.
        ranks: Who kept the others waiting, ascending; empty where all waited alike.
        phase: What they did meanwhile; empty where they told nothing, `collective` where all waited.
        waited, of: How many of how many ranks waited in their collectives.
    """

    step: int
    lost_s: float
    ranks: tuple[int, ...]
    phase: str
    waited: int
    of: int


def find_stalls(case: Case) -> list[Finding]:
    """What held the job up for a while, the costliest first.

    Raises:
        StoreError: The store did not answer.
    """
    times = case.times
    if case.job.ranks < 2 or len(times.step) < MIN_STEPS:
        return []
    lost = times.slowest_s - times.usual_s
    lost[:WARM_UP] = 0.0
    long = np.flatnonzero(lost >= USUAL_STEPS * times.usual_s)
    chosen = np.sort(long[np.argsort(-lost[long])][:MAX_STALLS])
    if not len(chosen):
        return []
    steps, lost_s = times.step[chosen].tolist(), lost[chosen].tolist()
    values = _parameters(case, steps, lost_s)
    rows = case.ask("stalls", **values)
    known = dict(zip(steps, lost_s, strict=True))
    stalls = [one for row in rows if (one := blame_stall(row, known[row["at_step"]])) is not None]
    by_culprit: dict[tuple[tuple[int, ...], str], list[Stall]] = defaultdict(list)
    for one in stalls:
        by_culprit[one.ranks, one.phase].append(one)
    said = [one.created_ns for one in fetch_pending(case.client, case.job) if one.said_ns > 0]
    found = []
    for ones in by_culprit.values():
        cost = sum(one.lost_s for one in ones)
        if cost >= MIN_SHARE * times.total_s or any(_was_told(case, one, said) for one in ones):
            found.append(_finding(case, ones, values))
    return sorted(found, key=lambda one: -one.lost_s)


def blame_stall(row: dict[str, Any], lost_s: float) -> Stall | None:
    """Who caused a long step; None if that cannot be told, or it was a save.

    Args:
        row: Of `sql/stalls.sql`: ranks in the step, how many waited, how many loaded data, and of the others
            (rank, phase that took the time or empty, its seconds).
    """
    ranks = int(row["ranks"])
    stall = partial(Stall, int(row["at_step"]), lost_s, waited=int(row["waiting"]), of=ranks)
    others = [tuple(one.values()) if isinstance(one, dict) else tuple(one) for one in row["others"]]
    phases = {phase for _, phase, _ in others}
    if 2 * row["loading"] > ranks:
        return stall((), "data")
    if 2 * row["waiting"] <= ranks or phases & _SAVES:
        return None
    if not others:
        return stall((), "collective")
    for phase in ("data", ""):  # neighbours of who came late may have waited within their own computation
        late = tuple(sorted(rank for rank, what, _ in others if what == phase))
        if late:
            return stall(late, phase)
    main = max(others, key=lambda one: one[2])[1]
    return stall(tuple(sorted(rank for rank, what, _ in others if what == main)), main)


def _was_told(case: Case, stall: Stall, said_ns: Sequence[int]) -> bool:
    begin = case.times.at_ns(stall.step)
    if begin is None:
        return False
    end = begin + int((stall.lost_s + case.times.usual_s) * 1e9)
    return any(begin <= at <= end for at in said_ns)


def _parameters(case: Case, steps: Sequence[int], lost_s: Sequence[float]) -> dict[str, Value]:
    return {
        "steps": [str(one) for one in steps],
        "lost": [f"{one:.6g}" for one in lost_s],
        "steps_read": len(case.times.step),
        "share": WAITING_SHARE,
        "most": MAX_RANKS,
    }


def _finding(case: Case, ones: Sequence[Stall], values: Mapping[str, Value]) -> Finding:
    first = ones[0]
    cost = sum(one.lost_s for one in ones)
    when = f"step {first.step}" if len(ones) == 1 else f"{len(ones)} steps from step {first.step}"
    text = (
        f"{when} took {cost:,.3g} s more than usual ({case.times.usual_s:.3g} s a step): {_who(case, first)}"
    )
    entity = {"training.phase": first.phase} if first.phase else {}
    kind = "rank" if first.ranks else "phase" if first.phase == "data" else "job"
    if len(first.ranks) == 1:
        entity = case.places.entity(first.ranks[0]) | entity
    elif first.ranks:
        entity = case.job.entity(**{"training.rank": ",".join(map(str, first.ranks))}, **entity)
    elif first.phase == "data":
        entity = case.job.entity(**entity, **{"training.component": "dataloader"})
    else:
        entity = case.job.entity(**entity)
    return Finding(
        weight=Weight.SLOWED,
        kind=kind,  # type: ignore[arg-type]
        entity=entity,
        fault="data_loader" if first.phase == "data" else "stall",
        ranks=first.ranks,
        lost_s=cost * case.job.step_modulus,
        p_value=0.0,
        onset_ns=case.times.at_ns(first.step),
        evidence=(
            case.evidence("trace" if first.phase == "data" else "collective", text, "stalls", **values),
            _course(case, ones),
        ),
    )


def _course(case: Case, ones: Sequence[Stall]) -> Evidence:
    """The stall beside the steps around it: who waited and who did not, or what all of them did."""
    first, last = ones[0], ones[-1]
    begin, end = case.times.at_ns(first.step) or case.job.first_ns, case.times.at_ns(last.step)
    around = round(AROUND_STEPS * case.times.usual_s * NS_PER_S)
    end = (end or case.job.last_ns) + round(last.lost_s * NS_PER_S)
    within = max(case.job.from_ns, begin - around), min(case.job.to_ns, end + around)
    if first.ranks:
        whose = f"rank {first.ranks[0]} did" if len(first.ranks) == 1 else "those ranks did"
        text = f"{first.waited} of {first.of} ranks waited in their collectives then, and {whose} not"
        return case.rank_course(text, first.ranks, ["collective"], peers="all", between_ns=within)
    text = "the stall beside the steps around it, of the slowest and of the median rank"
    return case.evidence("trace", text, "step_times", from_ns=within[0], to_ns=within[1])


def _who(case: Case, stall: Stall) -> str:
    if not stall.ranks:
        if stall.phase == "data":
            return "most ranks waited for their data, so it is the loader or its storage"
        return "all ranks waited in their collectives alike, so nobody came late: the network, or its library"
    names = ", ".join(map(str, stall.ranks))
    host = case.places.by_rank.get(stall.ranks[0], NOWHERE).host if len(stall.ranks) == 1 else ""
    where = f" on {host}" if host else ""
    did = f"spent it in {stall.phase}" if stall.phase else "told of no work meanwhile"
    who = f"rank {names}" if len(stall.ranks) == 1 else f"ranks {names}"
    return f"{who}{where} {did}, and the others waited"

"""Finds slow links: transfers that take long although everyone has come, and what their groups share.

Owns the residual's rule. A group's residual is made by its source, its destination and the switch between
them, so the place that explains the slow groups best, and no quick ones, is named: a pair of hosts, a host, a
switch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.phases import high_stretch

__all__ = ["Group", "find_slow_links", "name_place"]

MIN_RESIDUAL: Final = float(np.log(1.3))
MIN_STEPS: Final = 8
MIN_STEP_SHARE: Final = 0.02
"""Of the step, all slow transfers of the worst group in it."""
MIN_PRECISION: Final = 0.8
MIN_HIT_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Group:
    """A group that communicates. `excess_s` is a step's, in the slow stretch; `residual` is 0 if quick."""

    name: str
    op: str
    hosts: tuple[str, ...]
    switches: tuple[str, ...]
    ranks: tuple[int, ...]
    residual: float
    excess_s: float
    first_step: int
    steps: int


def find_slow_links(case: Case) -> list[Finding]:
    """Links, hosts or switches over which transfers are slow. Needs group, sequence number and bytes.

    Raises:
        StoreError: The store did not answer.
    """
    if not case.job.sized_collectives or not case.times.usual_s > 0:
        return []
    groups = [_judge(row, case.times.usual_s) for row in case.ask("links")]
    slow = [one for one in groups if one.residual > 0]
    if not slow or 2 * len(slow) > len(groups):
        return []
    place = name_place(groups)
    return [] if place is None else [_finding(case, *place)]


def _judge(row: dict[str, Any], step_s: float) -> Group:
    lag, excess = np.asarray(row["lag"]), np.asarray(row["excess"])
    stretch = high_stretch(lag, MIN_RESIDUAL, min_length=MIN_STEPS)
    residual, cost, first, steps = 0.0, 0.0, 0, 0
    if stretch is not None:
        inside = slice(stretch.first, stretch.stop)
        cost, steps = float(excess[inside].mean()), stretch.stop - stretch.first
        hits = float((lag[inside] >= MIN_RESIDUAL).mean())
        if hits >= MIN_HIT_SHARE and cost >= MIN_STEP_SHARE * step_s:
            residual, first = float(np.median(lag[inside])), int(row["at_steps"][stretch.first])
    return Group(
        name=row["name"],
        op=row["op"],
        hosts=tuple(row["hosts"]),
        switches=tuple(one for one in row["switches"] if one),
        ranks=tuple(row["ranks"]),
        residual=residual,
        excess_s=cost,
        first_step=first,
        steps=steps,
    )


def name_place(groups: Sequence[Group]) -> tuple[str, tuple[str, ...], list[Group]] | None:
    """What the slow groups have in common and the quick ones have not.

    Returns:
        `link`, `host`, `switch` or `group`, its names, and the slow groups that it explains; None if there
        are no slow groups.
    """
    slow = [one for one in groups if one.residual > 0]
    if not slow:
        return None
    tried: list[tuple[float, int, str, tuple[str, ...]]] = []
    candidates: set[tuple[int, str, tuple[str, ...]]] = set()
    for one in slow:
        hosts = tuple(host for host in one.hosts if host)
        if len(hosts) == 2:
            candidates |= {(0, "link", pair) for pair in combinations(hosts, 2)}
        candidates |= {(1, "host", (host,)) for host in hosts}
        candidates |= {(2, "switch", (switch,)) for switch in one.switches}
    for order, kind, names in candidates:
        members = [one for one in groups if _touches(one, kind, names)]
        hit = sum(one.residual > 0 for one in members)
        precision, recall = hit / len(members), hit / len(slow)
        if precision >= MIN_PRECISION:
            tried.append((-2 * precision * recall / (precision + recall), order, kind, names))
    if not tried:
        worst = max(slow, key=lambda one: one.excess_s)
        return "group", (worst.name,), [worst]
    _, _, kind, names = min(tried)
    return kind, names, [one for one in slow if _touches(one, kind, names)]


def _touches(one: Group, kind: str, names: tuple[str, ...]) -> bool:
    if kind == "switch":
        return names[0] in one.switches
    return set(names) <= set(one.hosts) and (kind != "host" or len(one.hosts) > 1)


def _finding(case: Case, kind: str, names: tuple[str, ...], slow: list[Group]) -> Finding:
    worst = max(slow, key=lambda one: one.excess_s)
    named = {
        "link": {"host.name": names[0], "peer.host.name": names[-1]},
        "host": {"host.name": names[0]},
        "switch": {"network.switch": names[0]},
        "group": {"training.collective.group": names[0]},
    }[kind]
    lost = worst.excess_s * worst.steps * case.job.step_modulus
    where = {"link": "between " + " and ".join(names)}.get(kind, f"{kind} {names[0]}")
    text = (
        f"{where}: {len(slow)} groups transfer {np.exp(worst.residual):.2f} times as long as others with as "
        f"many bytes, although all members have come; {worst.name} loses {worst.excess_s:.3g} s a step"
    )
    return Finding(
        weight=Weight.SLOWED,
        kind={"host": "host", "switch": "switch"}.get(kind, "link"),  # type: ignore[arg-type]
        entity=case.job.entity(**named),
        fault="slow_link",
        ranks=(),
        lost_s=lost,
        p_value=0.0,
        onset_ns=case.times.at_ns(worst.first_step),
        evidence=(
            case.evidence(
                "collective",
                text,
                "link_course",
                groups=[one.name for one in slow],
                every_s=case.course_step_s(),
            ),
            case.evidence(
                "trace",
                f"at the others' rate a step of {case.times.usual_s:.3g} s would be up to "
                f"{worst.excess_s:.3g} s shorter; {lost:,.0f} s lost",
                "step_times",
            ),
        ),
    )

"""Turns stragglers into findings: which of them are one host, which are hot, and what they cost."""

from collections.abc import Sequence

from rootspan_analysis.explanation import Evidence
from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.gpu_state import Heat, find_heat
from rootspan_analysis.training.stragglers import COMPUTE_PHASES, Straggler, find_stragglers
from rootspan_analysis.training.whatif import without_stragglers

__all__ = ["find_slow_ranks"]


def find_slow_ranks(case: Case) -> list[Finding]:
    """Ranks, or hosts with all their ranks, that compute too slowly; the costliest first.

    Raises:
        StoreError: The store did not answer.
    """
    slow = find_stragglers(case.client, case.job, case.places, case.times.usual_s)
    if not slow:
        return []
    whole = case.places.whole_hosts([one.rank for one in slow])
    grouped = [[one for one in slow if one.rank in ranks] for ranks in whole.values()]
    together = {rank for ranks in whole.values() for rank in ranks}
    grouped += [[one] for one in slow if one.rank not in together]
    found = [_finding(case, group, whole=len(group) > 1) for group in grouped]
    return sorted(found, key=lambda one: -one.lost_s)


def _finding(case: Case, group: Sequence[Straggler], *, whole: bool) -> Finding:
    worst = group[0]
    what_if = without_stragglers(case, group)
    onset = case.times.at_ns(worst.first_step)
    end = case.times.at_ns(worst.last_step)
    heat = find_heat(case, worst.rank, onset or case.job.from_ns, end or case.job.to_ns)
    entity = case.places.entity(worst.rank)
    if whole:
        entity = case.job.entity(**{"host.name": worst.host})
    name = f"host {worst.host} with ranks {_list(group)}" if whole else _name(worst)
    evidence = [
        case.rank_course(
            f"{name} takes {worst.ratio:.2f} times its data-parallel peers' median in {worst.ops[0]} "
            f"({worst.usual_s:.3g} s a step), in {worst.share:.0%} of {worst.steps} steps",
            [one.rank for one in group],
            COMPUTE_PHASES,
            ops=worst.ops[:1],
            peers="stage",
        ),
        case.evidence("trace", f"without it {what_if.text}", "step_times"),
    ]
    if heat is not None:
        evidence.append(_hot(case, worst, heat))
    return Finding(
        weight=Weight.SLOWED,
        kind="host" if whole else "rank",
        entity=entity,
        fault="thermal_throttle" if heat is not None else "straggler",
        ranks=tuple(sorted(one.rank for one in group)),
        lost_s=what_if.lost_s,
        p_value=worst.p_value,
        onset_ns=onset,
        evidence=tuple(evidence),
        what_if=what_if,
    )


def _hot(case: Case, worst: Straggler, heat: Heat) -> Evidence:
    return case.evidence(
        "metric", f"the GPU of rank {worst.rank}: {heat.text}", "gpu_levels", hosts=[worst.host]
    )


def _name(one: Straggler) -> str:
    axes = [
        f"{label} {value}"
        for label, value in (("dp", one.dp), ("tp", one.tp), ("stage", one.stage))
        if value >= 0
    ]
    place = f" ({', '.join(axes)})" if axes else ""
    return f"rank {one.rank}{place}" + (f" on {one.host}" if one.host else "")


def _list(group: Sequence[Straggler]) -> str:
    ranks = sorted(one.rank for one in group)
    return ", ".join(map(str, ranks[:8])) + ("…" if len(ranks) > 8 else "")

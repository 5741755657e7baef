"""Turns a hang into findings: one for each rank at fault, or for their host."""

from typing import Final

from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.hang import Hang

__all__ = ["stuck_ranks"]

_WHY: Final = {
    "absent": "has nothing pending while {waiting} ranks of group {group} wait in {op} {seq}: it never came",
    "behind": "is {lag} operations behind its group's furthest member ({op} {seq} of group {group}): "
    "its GPU no longer reports",
    "missing": "did not enter {op} {seq} of group {group}, in which {waiting} ranks wait",
}


def stuck_ranks(case: Case, hang: Hang, *, most: int) -> list[Finding]:
    """Who hangs the job. More ranks than `most` are put together: whole hosts, and the rest in a list.

    A hang in which no rank stands out names the group that waits, not a rank.
    """
    lost = max(0.0, (case.job.to_ns - hang.since_ns) / 1e9) if hang.since_ns else 0.0

    def made(kind: str, entity: dict[str, str], ranks: tuple[int, ...], text: str) -> Finding:
        shown = ranks[0] if ranks else -1
        return Finding(
            weight=Weight.STOPPED,
            kind=kind,  # type: ignore[arg-type]
            entity=entity,
            fault="hang",
            ranks=ranks,
            lost_s=lost,
            p_value=0.0,
            onset_ns=hang.since_ns or None,
            evidence=(
                case.evidence(
                    "collective",
                    text,
                    "evidence_pending",
                    group=hang.by[shown].group if shown >= 0 else hang.group,
                    rank=shown,
                ),
            ),
        )

    if not hang.ranks:
        text = f"group {hang.group} waits in {hang.op} {hang.seq}, and no rank of it stands out"
        return [made("job", case.job.entity(**{"training.collective.group": hang.group}), (), text)]
    why = {rank: _why(hang, rank) for rank in hang.ranks}
    if len(hang.ranks) <= most:
        return [made("rank", case.places.entity(one), (one,), f"rank {one} {why[one]}") for one in hang.ranks]
    found = []
    rest = set(hang.ranks)
    for host, ranks in case.places.whole_hosts(hang.ranks).items():
        rest -= set(ranks)
        entity = case.job.entity(**{"host.name": host, "training.rank": ",".join(map(str, ranks))})
        found.append(made("host", entity, ranks, f"every rank of host {host} {why[ranks[0]]}"))
    if rest:
        chosen = tuple(sorted(rest))
        names = ",".join(map(str, chosen))
        found.append(
            made(
                "rank", case.job.entity(**{"training.rank": names}), chosen, f"ranks {names} {why[chosen[0]]}"
            )
        )
    return found


def _why(hang: Hang, rank: int) -> str:
    by = hang.by[rank]
    waiting = {one.rank for one in hang.pending if one.group == by.group} - set(hang.ranks)
    return _WHY[hang.rule].format(
        waiting=len(waiting),
        group=f"{by.group} ({by.description})" if by.description else by.group,
        op=by.op,
        seq=by.seq,
        lag=hang.lags.get(rank, 0),
    )

"""Finds ranks that joined a job late: the others waited for them before the first step.

Owns the rule. Waits are durations, which need no common clock: who comes last waits least.
"""

from itertools import groupby
from typing import Final

import numpy as np

from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight

__all__ = ["find_late_joiners"]

MIN_LATE_S: Final = 10.0
"""Processes start seconds apart on any machine: images are read, libraries loaded."""
MIN_SHARE: Final = 0.1
"""Of the job's time, this wait included: what a stall has to cost."""
MAX_LATE: Final = 0.25
"""Of the ranks. Where more come late, there is no few that the others waited for."""


def find_late_joiners(case: Case) -> list[Finding]:
    """The ranks that most others waited for, one finding a host; none where all came about together.

    Raises:
        StoreError: The store did not answer.
    """
    found = []
    for _, each in groupby(case.ask("joins"), key=lambda row: row["nth"]):
        rows = list(each)
        waited = np.array([row["waited_s"] for row in rows])
        usual = float(np.median(waited))
        lost = usual - float(waited[0])
        late = [row for row in rows if row["waited_s"] <= usual / 2]
        enough = max(MIN_LATE_S, MIN_SHARE * (case.times.total_s + lost))
        if lost < enough or len(late) > max(1.0, MAX_LATE * len(rows)):
            continue
        onset = min(int(row["begin_ns"]) for row in rows)
        for host in sorted({row["host"] for row in late}):
            ranks = tuple(int(row["rank"]) for row in late if row["host"] == host)
            found.append(_finding(case, host, ranks, lost, onset))
    return found


def _finding(case: Case, host: str, ranks: tuple[int, ...], lost_s: float, onset_ns: int) -> Finding:
    named = ", ".join(map(str, ranks))
    who = f"rank {named}" if len(ranks) == 1 else f"ranks {named}"
    where = f" on {host}" if host else ""
    text = f"{who}{where} joined {lost_s:.3g} s after most ranks, which waited before their first step"
    several = {"training.rank": ",".join(map(str, ranks)), "host.name": host}
    return Finding(
        weight=Weight.SLOWED,
        kind="rank",
        entity=case.places.entity(ranks[0]) if len(ranks) == 1 else case.job.entity(**several),
        fault="late_joiner",
        ranks=ranks,
        lost_s=lost_s,
        p_value=0.0,
        onset_ns=onset_ns,
        evidence=(case.evidence("trace", text, "joins"),),
    )

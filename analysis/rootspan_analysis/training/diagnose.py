"""Examines one job with every rule and puts the findings in order.

Owns precedence and explaining away: what stopped the job goes before what slowed it; hard evidence on a
rank's GPU at or before the onset outranks statistics; a straggler explains its own waiting for data and its
stage's length, and any cause leaves no "uneven sequences".
"""

from dataclasses import dataclass, replace
from typing import Final

from rootspan_analysis.explanation import Symptom, Verdict
from rootspan_analysis.training.case import Case
from rootspan_analysis.training.failures import find_nan, find_out_of_memory
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.gpu_state import GpuError, find_gpu_errors
from rootspan_analysis.training.hang import Hang, find_hang
from rootspan_analysis.training.imbalance import Imbalance, find_imbalance, long_stage
from rootspan_analysis.training.late_joiners import find_late_joiners
from rootspan_analysis.training.links import find_slow_links
from rootspan_analysis.training.phases import find_checkpoint, find_data
from rootspan_analysis.training.slow_ranks import find_slow_ranks
from rootspan_analysis.training.stalls import find_stalls
from rootspan_analysis.training.stuck import stuck_ranks

__all__ = ["Diagnosis", "diagnose"]

MIN_STEPS: Final = 3
HARDWARE_MARGIN_NS: Final = 60 * 1_000_000_000
"""A GPU may fail while a collective is under way: its error may be a little younger than the hang."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a job; findings are in order, and exist exactly if the verdict is `cause_found`."""

    verdict: Verdict
    symptom: Symptom
    findings: tuple[Finding, ...]


def diagnose(case: Case, *, top: int) -> Diagnosis:
    """Examine a job.

    Raises:
        StoreError: The store did not answer.
    """
    name = case.job.name
    hang = find_hang(case.client, case.job)
    failed = find_out_of_memory(case) + find_nan(case)
    stuck = stuck_ranks(case, hang, most=top) if hang is not None else []
    uneven = find_imbalance(case)
    slowed = _slowed(case, uneven) + find_late_joiners(case)
    found = _with_hardware(case, failed + ([] if _explains(failed, stuck) else stuck) + slowed)
    found.sort(key=lambda one: (one.weight, -one.lost_s))
    symptom = _symptom(case, hang, found)
    if found:
        return Diagnosis("cause_found", symptom, tuple(found))
    if len(case.times.step) < MIN_STEPS:
        text = f"job {name}: {len(case.times.step)} finished steps are too few to compare"
        return Diagnosis("not_enough_data", Symptom("none", text), ())
    if uneven is not None and uneven.kind == "sequence":
        text = f"job {name}: {uneven.text}; no host is at fault"
        return Diagnosis("configuration", Symptom("imbalance", text), ())
    return Diagnosis("no_fault", symptom, ())


def _slowed(case: Case, uneven: Imbalance | None) -> list[Finding]:
    """What slows steps. A rank that computes slowly is not also blamed for waiting, nor is its stage."""
    if len(case.times.step) < MIN_STEPS:
        return []
    slow = find_slow_ranks(case)
    named = {rank for one in slow for rank in one.ranks}
    data = [one for one in find_data(case) if not set(one.ranks) & named or not one.ranks]
    found = slow + data + find_slow_links(case) + find_checkpoint(case)
    known = {(one.ranks, one.fault) for one in found}
    found += [one for one in find_stalls(case) if (one.ranks, one.fault) not in known]
    if not slow and uneven is not None and uneven.kind == "stage":
        found.append(long_stage(case, uneven))
    return found


def _explains(failed: list[Finding], stuck: list[Finding]) -> bool:
    """Whether a failure came before the hang: the others wait for who failed."""
    onsets = [one.onset_ns for one in stuck if one.onset_ns]
    return bool(failed) and any(
        one.fault == "out_of_memory"
        and one.onset_ns is not None
        and (not onsets or one.onset_ns <= min(onsets) + HARDWARE_MARGIN_NS)
        for one in failed
    )


def _with_hardware(case: Case, found: list[Finding]) -> list[Finding]:
    """Findings that hardware errors explain become theirs. Without a finding an error did no harm yet."""
    errors = find_gpu_errors(case) if found and case.places.hosts else []
    for error in errors:
        onset = min((one.onset_ns for one in found if one.onset_ns), default=None)
        if onset is not None and error.at_ns > onset + HARDWARE_MARGIN_NS:
            continue
        own = [one for one in found if set(one.ranks) & set(error.ranks)]
        stopped = [one for one in found if one.weight is Weight.STOPPED and one.fault == "hang"]
        explained = own or stopped
        if not explained:
            continue
        found = [one for one in found if one not in own]
        if own:  # a kernel names a host; which of its ranks, the others tell
            error = replace(error, ranks=tuple(sorted({rank for one in own for rank in one.ranks})))  # noqa: PLW2901
        found.append(_broken(case, error, explained[0]))
    return found


def _broken(case: Case, error: GpuError, explained: Finding) -> Finding:
    what = f"XID {error.xid}" if error.xid else "an uncorrectable ECC error"
    ranks = ", ".join(map(str, error.ranks))
    where = f"{error.host or 'its host'}, GPU of rank {ranks}"
    text = f'{what} on {where}, at or before the onset: "{error.what[:160]}"'
    entity = case.places.entity(error.ranks[0])
    return replace(
        explained,
        weight=Weight.HARDWARE,
        kind="rank",
        entity=entity,
        fault="gpu_error",
        ranks=error.ranks,
        evidence=(
            case.evidence("log", text, "gpu_errors", hosts=[error.host]),
            *explained.evidence,
        ),
    )


def _symptom(case: Case, hang: Hang | None, found: list[Finding]) -> Symptom:
    job, times = case.job, case.times
    if hang is not None:
        waiting = len({one.rank for one in hang.pending})
        return Symptom("hang", f"job {job.name} hangs: {waiting} ranks wait for collectives that do not end")
    if found and found[0].fault == "long_stage":
        return Symptom("imbalance", f"job {job.name}: {found[0].evidence[0].text}")
    if any(one.weight is not Weight.SLOWED and one.fault != "gpu_error" for one in found):
        return Symptom("failure", f"job {job.name} failed: {found[0].fault.replace('_', ' ')}")
    usual = f"job {job.name}: {len(times.step)} steps of {times.usual_s:.3g} s on {job.world_size} ranks"
    if not found:
        return Symptom("none", f"{usual}, and no rank, link or phase stands out")
    lost = max(one.lost_s for one in found)
    share = lost / times.total_s if times.total_s > 0 else 0.0
    return Symptom("step_time", f"{usual}; up to {share:.0%} of that time is lost")

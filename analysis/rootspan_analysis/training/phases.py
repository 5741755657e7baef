"""Finds steps that wait for data or for checkpoints: one rank's host, or what all ranks share.

Owns the shares that count. Data that one rank waits for is that rank's; data that all wait for is the
loader's or the storage's, and names a phase.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.reader import Floats
from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.placement import NOWHERE
from rootspan_analysis.training.whatif import WhatIf

__all__ = ["Span", "find_checkpoint", "find_data", "high_stretch"]

MIN_SHARE: Final = 0.1
"""Of the step: removing it gains the smallest effect that counts, 1.1 times (root-cause.md)."""
MIN_STEPS: Final = 3
"""Three in a row (root-cause.md)."""
MIN_STEPS_OF_ONE: Final = 8
MIN_HIT_SHARE: Final = 0.2
"""A loader stalls now and then; one long step in many is no stall."""
MAX_RANKS: Final = 16
SLOW_WRITER: Final = 1.5
MIN_CHECKPOINT_SHARE: Final = 0.1
"""Of the job's time."""
LONG_SAVE: Final = 1.5
"""root-cause.md: upper smallest effect; saves differ in size."""


@dataclass(frozen=True, slots=True)
class Span:
    """Places `first` <= i < `stop` of a series, and its mean in them."""

    first: int
    stop: int
    mean: float


def high_stretch(values: Floats, least: float, *, min_length: int) -> Span | None:
    """The stretch with the largest sum above half of `least`, if its mean is at least `least`.

    Half, so that a stall which comes and goes stays one stretch.
    """
    if not len(values):
        return None
    total = np.concatenate([[0.0], np.cumsum(np.minimum(values, 4 * least) - least / 2)])
    gain = total[1:] - np.minimum.accumulate(total[:-1])
    stop = int(np.argmax(gain)) + 1
    first = int(np.argmin(total[:stop]))
    mean = float(values[first:stop].mean())
    if stop - first < min_length or mean < least:
        return None
    return Span(first, stop, mean)


def find_data(case: Case) -> list[Finding]:
    """Who waits for data: the loader as a whole first, if so, and single ranks.

    Raises:
        StoreError: The store did not answer.
    """
    times = case.times
    if not len(times.step):
        return []
    found = []
    rows = case.ask("data_steps")
    at = np.array([row["step"] for row in rows], dtype=np.int64)
    data = np.array([row["data_s"] for row in rows], dtype=np.float64)
    place = np.clip(np.searchsorted(times.step, at), 0, len(times.step) - 1)
    step_s = times.slowest_s[place] if len(place) else data
    known = (times.step[place] == at) & (step_s > 0) if len(place) else np.zeros(0, dtype=np.bool_)
    at, data, step_s = at[known], data[known], step_s[known]
    stretch = high_stretch(data / step_s, MIN_SHARE, min_length=MIN_STEPS)
    if stretch is not None:
        inside = slice(stretch.first, stretch.stop)
        lost = float(data[inside].sum()) * case.job.step_modulus
        found.append(_loader(case, stretch, int(at[stretch.first]), lost, float(step_s[inside].mean())))
    if case.job.ranks >= 2:
        found += _waiting_ranks(case)
    return found


def _loader(case: Case, stretch: Span, first_step: int, lost_s: float, step_s: float) -> Finding:
    steps = stretch.stop - stretch.first
    text = (
        f"{stretch.mean:.0%} of a step goes into data on the median rank, in {steps} steps from step "
        f"{first_step}: the loader or its storage, no single host"
    )
    without = WhatIf(step_s, step_s * (1 - stretch.mean), False, lost_s)
    what_if = f"with data at hand a step of {step_s:.3g} s would take {without.without_s:.3g} s"
    return Finding(
        weight=Weight.SLOWED,
        kind="phase",
        entity=case.job.entity(**{"training.phase": "data", "training.component": "dataloader"}),
        fault="data_loader",
        ranks=(),
        lost_s=lost_s,
        p_value=0.0,
        onset_ns=case.times.at_ns(first_step),
        evidence=(
            case.evidence("trace", text, "data_steps"),
            case.evidence("trace", f"{what_if}; {lost_s:,.3g} s lost", "phase_shares"),
        ),
        what_if=without,
    )


def _waiting_ranks(case: Case) -> list[Finding]:
    usual_s, found = case.times.usual_s, []
    for row in case.ask("data_ranks", most=MAX_RANKS):
        by_step = np.argsort(row["at_step"])
        excess = np.asarray(row["excess"])[by_step]
        stretch = high_stretch(excess / usual_s, MIN_SHARE, min_length=MIN_STEPS_OF_ONE)
        if stretch is None:
            continue
        inside = excess[stretch.first : stretch.stop]
        if float((inside >= MIN_SHARE * usual_s).mean()) < MIN_HIT_SHARE:
            continue
        rank, first_step = row["rank"], int(np.asarray(row["at_step"])[by_step][stretch.first])
        lost = float(inside.sum()) * case.job.step_modulus
        place = case.places.by_rank.get(rank, NOWHERE)
        host = f" on {place.host}" if place.host else ""
        text = (
            f"rank {rank}{host} waits {inside.mean():.3g} s a step longer for data than the median rank, "
            f"{stretch.mean:.0%} of a step, from step {first_step}; the others wait for it"
        )
        found.append(
            Finding(
                weight=Weight.SLOWED,
                kind="rank",
                entity=case.places.entity(rank) | {"training.phase": "data"},
                fault="data_loader",
                ranks=(rank,),
                lost_s=lost,
                p_value=0.0,
                onset_ns=case.times.at_ns(first_step),
                evidence=(
                    case.rank_course(text, [rank], ["data"], peers="all"),
                    case.evidence(
                        "trace",
                        f"with its data at hand a step of {usual_s:.3g} s would be up to "
                        f"{inside.mean():.3g} s shorter; {lost:,.0f} s lost",
                        "step_times",
                    ),
                ),
            )
        )
    return sorted(found, key=lambda one: -one.lost_s)


def find_checkpoint(case: Case) -> list[Finding]:
    """A writer that all wait for, or saves that take long for everyone.

    Raises:
        StoreError: The store did not answer.
    """
    saves = case.ask("checkpoints")
    total_s = case.times.total_s
    if not saves or total_s <= 0:
        return []
    median = np.array([row["median_s"] for row in saves])
    slowest = np.array([row["slowest_s"] for row in saves])
    late = (slowest >= SLOW_WRITER * median) & (np.array([row["writers"] for row in saves]) >= 2)
    names = [row["slowest_rank"] for row in saves]
    writer = max(set(names), key=lambda rank: sum(late[[name == rank for name in names]]))
    own = late & np.array([name == writer for name in names])
    first = int(np.argmax(own)) if own.any() else 0
    lost = float((slowest - median)[own].sum())
    # A writer must be late in most saves since its first late one, and cost what is worth a name.
    if own.any() and own[first:].mean() >= 0.8 and lost >= 0.02 * total_s and writer >= 0:
        return [_writer(case, saves, writer, first, lost)]
    return _long_saves(case, saves, median, slowest)


def _writer(case: Case, saves: list[dict[str, object]], writer: int, first: int, lost_s: float) -> Finding:
    last = saves[-1]
    text = (
        f"rank {writer} writes its checkpoint in {last['slowest_s']:.3g} s where the median writer takes "
        f"{last['median_s']:.3g} s, in {len(saves) - first} saves; all wait for it, {lost_s:,.0f} s lost"
    )
    return Finding(
        weight=Weight.SLOWED,
        kind="rank",
        entity=case.places.entity(writer) | {"training.phase": "checkpoint"},
        fault="checkpoint_stall",
        ranks=(writer,),
        lost_s=lost_s * case.job.step_modulus,
        p_value=0.0,
        onset_ns=int(str(saves[first]["begin_ns"])),
        evidence=(case.rank_course(text, [writer], ["checkpoint"], peers="all"),),
    )


def _long_saves(case: Case, saves: list[dict[str, object]], median: Floats, slowest: Floats) -> list[Finding]:
    """All writers slow: against earlier saves of the window, or against the time that training takes."""
    total_s = case.times.total_s
    first, usual, what = 0, 0.0, "of the job's time goes into saving"
    share = float(slowest.sum()) / total_s
    lost = float(slowest.sum())
    if len(saves) >= 2:
        ratios = [median[i:].min() / max(median[:i].max(), 1e-9) for i in range(1, len(saves))]
        best = int(np.argmax(ratios))
        if ratios[best] >= LONG_SAVE:
            first, usual = best + 1, float(np.median(slowest[: best + 1]))
            lost = float((slowest[first:] - usual).sum())
            share = lost / total_s
            what = f"of the job's time lost: {slowest[first]:.3g} s a save, {usual:.3g} s before"
    least = MIN_CHECKPOINT_SHARE if first == 0 else MIN_CHECKPOINT_SHARE / 4
    if share < least:
        return []
    text = f"{share:.0%} {what}; all writers alike: the storage, no single host"
    return [
        Finding(
            weight=Weight.SLOWED,
            kind="phase",
            entity=case.job.entity(**{"training.phase": "checkpoint", "training.component": "storage"}),
            fault="checkpoint_stall",
            ranks=(),
            lost_s=lost * case.job.step_modulus,
            p_value=0.0,
            onset_ns=int(str(saves[first]["begin_ns"])),
            evidence=(case.evidence("trace", text, "checkpoints"),),
        )
    ]

"""Replays the pipeline of recorded steps with other durations, to say what a cause costs.

Owns the dependency graph of microbatches: an operation begins when the one before it on its rank has ended
and the stage before (for backward: behind) has done the same microbatch. The method is the what-if analysis
of "Understanding Stragglers in Large Model Training Using What-if Analysis" (OSDI 2025); communication counts
as waiting only. Pure but for `fetch_pipeline`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from rootspan_analysis.reader import Floats, Ints, Reader, Strings, numbers, strings
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.statements import ask

__all__ = ["Pipeline", "connect", "fetch_pipeline"]

MAX_OPERATIONS: Final = 60_000
"""What a replay of some scenarios takes a second for."""
FORWARD: Final = "forward"
MIN_STEPS: Final = 3
"""From which on what befalls a step's n-th microbatch is told from its length."""
MIN_LENGTHS: Final = 8
SURE_Z: Final = 3.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Computation of sampled steps. Arrays have an entry an operation.

    Attributes:
        step, dp, stage: Where it ran.
        microbatch: What it worked on.
        phase: `forward` or `backward`.
        seconds: As recorded.
        before: Index of the operation before it on its rank, or -1.
        needs: Index of the operation of the neighbouring stage that it needs, or -1.
        order: All indices, so that `before` and `needs` come first.
    """

    step: Ints
    dp: Ints
    stage: Ints
    microbatch: Ints
    phase: Strings
    seconds: Floats
    before: Sequence[int]
    needs: Sequence[int]
    order: Sequence[int]

    def step_seconds(self, seconds: Floats) -> Floats:
        """Duration of each sampled step's slowest data-parallel replica if operations took `seconds`."""
        finish = [0.0] * len(self.order)
        took = seconds.tolist()
        before, needs = self.before, self.needs
        for i in self.order:
            begin = finish[before[i]] if before[i] >= 0 else 0.0
            if needs[i] >= 0:
                begin = max(begin, finish[needs[i]])
            finish[i] = begin + took[i]
        _, row = np.unique(self.step, return_inverse=True)
        longest = np.zeros(int(row.max()) + 1)
        np.maximum.at(longest, row, np.array(finish))
        return longest

    def medians(self, *, by_stage: bool = True) -> Floats:
        """For each operation the median duration of its phase in its step, over replicas and microbatches.

        Args:
            by_stage: Within its stage; otherwise the mean of the stages' medians.
        """
        found = np.empty(len(self.seconds))
        stages = np.unique(self.stage)
        for step in np.unique(self.step):
            for phase in np.unique(self.phase.astype(str)):
                here = (self.step == step) & (self.phase == phase)
                usual = {
                    stage: np.median(self.seconds[here & (self.stage == stage)])
                    for stage in stages
                    if (here & (self.stage == stage)).any()
                }
                level = float(np.mean(list(usual.values()))) if usual else 0.0
                for stage, median in usual.items():
                    found[here & (self.stage == stage)] = median if by_stage else level
        return found

    def always(self, values: Floats) -> Floats:
        """For each operation the median of what operations of its stage and phase have, over all steps."""
        found = np.empty(len(values))
        phase = self.phase.astype(str)
        for stage in np.unique(self.stage):
            for kind in np.unique(phase):
                here = (self.stage == stage) & (phase == kind)
                if here.any():
                    found[here] = np.median(values[here])
        return found

    def lengths(self) -> Floats:
        """For each operation how long its microbatch is, as a multiple of the median one's.

        A long sequence is long in every stage, forward and backward: it is the median of all that was done to
        it. What one rank's machine does to single operations is not in it, nor what befalls the n-th
        microbatch of every step, which is the schedule's doing. Medians of few operations scatter by
        themselves: they count as far as two halves of the stages agree on them (regressed to the mean by
        their reliability, Kelley 1947), and not at all where that agreement may be chance.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.nan_to_num(self.seconds / self.medians(), nan=1.0, posinf=1.0)
        level = np.log(np.maximum(ratio, 1e-6))
        columns = np.stack([self.step, self.dp, self.microbatch])
        keys, group = np.unique(columns, axis=1, return_inverse=True)
        group = group.ravel()
        half = np.searchsorted(np.unique(self.stage), self.stage) % 2
        if not half.any():
            half = (self.phase.astype(str) == FORWARD).astype(np.int64)
        length, one, other = (
            _without_place(_medians(level, group, mask), keys)
            for mask in (np.ones(len(group), dtype=np.bool_), half == 0, half == 1)
        )
        return np.exp(_reliability(one, other) * length)[group]


def _medians(values: Floats, group: Ints, mask: np.ndarray) -> Floats:
    """Median by group of the values that the mask selects; 0 for a group without any."""
    values, group, groups = values[mask], group[mask], int(group.max()) + 1
    ordered = values[np.lexsort((values, group))]
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    low, high = first + (size - 1) // 2, first + size // 2
    last = max(len(ordered) - 1, 0)
    middle = (ordered[np.clip(low, 0, last)] + ordered[np.clip(high, 0, last)]) / 2
    return np.asarray(np.where(size > 0, middle, 0.0))


def _without_place(length: Floats, keys: Ints) -> Floats:
    """Lengths by (step, replica, microbatch) without what microbatches of that number have in most steps."""
    if len(np.unique(keys[0])) < MIN_STEPS:
        return length
    found = length.copy()
    for number in np.unique(keys[2]):
        here = keys[2] == number
        found[here] -= np.median(length[here])
    return found


def _reliability(one: Floats, other: Floats) -> float:
    """How far the median of both halves tells lengths apart, 0-1: their rank correlation, stepped up to both
    halves (Spearman and Brown 1910); 0 where it is within three standard errors."""
    if len(one) < MIN_LENGTHS or not np.ptp(one) or not np.ptp(other):
        return 0.0
    first, second = (np.argsort(np.argsort(half, kind="stable"), kind="stable") for half in (one, other))
    # Of ranks without ties, which have one mean and one variance.
    size = len(first)
    agree = 1 - 6 * float(((first - second) ** 2).sum()) / (size * (size**2 - 1))
    return 2 * agree / (1 + agree) if agree * np.sqrt(len(one) - 1) >= SURE_Z else 0.0


def fetch_pipeline(client: Reader, job: Job, steps: Sequence[int], *, tensor: int = -1) -> Pipeline | None:
    """Computation of the given steps; None where microbatches are not told or do not fit together.

    Args:
        steps: What to sample from; as many are read as keep the replay within a second.
        tensor: The tensor-parallel rank that is read; the others compute in step with it.

    Raises:
        StoreError: The store did not answer.
    """
    if not job.has_microbatches or not len(steps):
        return None
    for count in (2, 16):
        chosen = np.unique(np.linspace(0, len(steps) - 1, min(count, len(steps))).astype(np.int64))
        names = [str(steps[i]) for i in chosen.tolist()]
        table = ask(client, "microbatches", job.parameters(steps=names, tensor=max(tensor, 0)), job.reading)
        if table.num_rows * 8 > MAX_OPERATIONS:
            break
    if not table.num_rows:
        return None
    return connect(table)


def connect(table: pa.Table) -> Pipeline | None:
    """Find each operation's predecessors. Rows come by (step, dp, stage, start).

    A microbatch that a rank runs several times is cut into model chunks (interleaved pipeline): forward runs
    them in order, backward in reverse.
    """
    step, dp, stage, microbatch = (
        table.column(name).to_numpy().astype(np.int64) for name in ("step", "dp", "pp", "microbatch")
    )
    phase = strings(table, "phase")
    forward = phase == FORWARD
    columns = (step, dp, stage, forward, microbatch)
    rows, key = len(step), list(zip(*(one.tolist() for one in columns), strict=True))
    seen: dict[tuple[object, ...], int] = defaultdict(int)
    turn = []
    for one in key:
        turn.append(seen[one])
        seen[one] += 1
    chunks = max(seen.values())
    last = int(stage.max())
    chunk = [turn[i] if forward[i] else chunks - 1 - turn[i] for i in range(rows)]
    where = {(*key[i], chunk[i]): i for i in range(rows)}
    before, needs = [-1] * rows, [-1] * rows
    for i, (at, replica, place, is_forward, batch) in enumerate(key):
        if i and key[i - 1][:3] == key[i][:3]:
            before[i] = i - 1
        if is_forward:
            other = (place - 1, chunk[i]) if place > 0 else (last, chunk[i] - 1)
        else:
            other = (place + 1, chunk[i]) if place < last else (0, chunk[i] + 1)
        needs[i] = where.get((at, replica, other[0], is_forward, batch, other[1]), -1)
    order = _sorted(before, needs)
    if order is None:
        return None
    return Pipeline(step, dp, stage, microbatch, phase, numbers(table, "s"), before, needs, order)


def _sorted(before: Sequence[int], needs: Sequence[int]) -> list[int] | None:
    """Topological order; None if there is a circle, as clocks that disagree can make."""
    after: dict[int, list[int]] = defaultdict(list)
    open_needs = [0] * len(before)
    for i, pair in enumerate(zip(before, needs, strict=True)):
        for one in pair:
            if one >= 0:
                after[one].append(i)
                open_needs[i] += 1
    ready = [i for i, count in enumerate(open_needs) if not count]
    order = []
    while ready:
        i = ready.pop()
        order.append(i)
        for one in after[i]:
            open_needs[one] -= 1
            if not open_needs[one]:
                ready.append(one)
    return order if len(order) == len(before) else None

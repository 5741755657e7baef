"""Says what a step would take without its suspects: replays it with their operations at the peers' median.

Owns which replay a job allows: its pipeline by microbatch, or else the excess of the worst rank.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rootspan_analysis.training.case import Case
from rootspan_analysis.training.pipeline import Pipeline, fetch_pipeline
from rootspan_analysis.training.stragglers import Straggler

__all__ = ["WhatIf", "without_stragglers"]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A replayed step.

    Attributes:
        step_s: As it is.
        without_s: As it would be.
        replayed: Whether the pipeline was replayed; otherwise it is a bound from the worst rank's excess.
        lost_s: Seconds lost in the window, all steps concerned.
    """

    step_s: float
    without_s: float
    replayed: bool
    lost_s: float

    @property
    def text(self) -> str:
        """One clause for an evidence sentence."""
        how = "replayed with its operations at the peers' median" if self.replayed else "at the peers' median"
        step = f"a step of {self.step_s:.3g} s would take {self.without_s:.3g} s ({how})"
        return f"{step}; {self.lost_s:,.0f} s lost"


def without_stragglers(case: Case, suspects: Iterable[Straggler]) -> WhatIf:
    """The job without these stragglers, between the steps in which they lag."""
    ones = list(suspects)
    first, last = min(one.first_step for one in ones), max(one.last_step for one in ones)
    steps = case.times.step[(case.times.step >= first) & (case.times.step <= last)]
    inside = np.isin(case.times.step, steps)
    step_s = float(np.mean(case.times.slowest_s[inside])) if len(steps) else 0.0
    count = len(steps) * case.job.step_modulus
    pipeline = fetch_pipeline(case.client, case.job, steps.tolist(), tensor=ones[0].tp)
    if pipeline is not None:
        saved_s = _saved_s(pipeline, ones)
        if saved_s > 0:
            return WhatIf(step_s, step_s - saved_s, True, saved_s * count)
    saved_s = min(max(one.excess_s for one in ones), step_s)
    return WhatIf(step_s, step_s - saved_s, False, saved_s * count)


def _saved_s(pipeline: Pipeline, suspects: Iterable[Straggler]) -> float:
    """Mean seconds that a replayed step is shorter without the suspects."""
    usual = pipeline.medians()
    slow = np.zeros(len(usual), dtype=np.bool_)
    for one in suspects:
        slow |= (pipeline.dp == one.dp) & (pipeline.stage == one.stage)
    fixed = np.where(slow, np.minimum(usual, pipeline.seconds), pipeline.seconds)
    before, after = pipeline.step_seconds(pipeline.seconds), pipeline.step_seconds(fixed)
    return float(np.mean(before - after))

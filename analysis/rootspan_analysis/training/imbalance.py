"""Says whether a job is slow by its configuration or data: a long stage, or uneven sequences. Names no host.

Replays of the pipeline, each holding the other cause still: with every microbatch at its stage's median times
its own length, and without that (what uneven sequences cost), and from there with all stages at one level
(what an uneven cut costs). What scatters by rank, as on a busy machine, is neither.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight
from rootspan_analysis.training.pipeline import Pipeline, fetch_pipeline
from rootspan_analysis.training.stragglers import COMPUTE_PHASES

__all__ = ["Imbalance", "find_imbalance", "long_stage", "weigh"]

MIN_SLOWDOWN: Final = 1.1
"""root-cause.md: smallest effect that counts."""
MIN_STEPS: Final = 3


@dataclass(frozen=True, slots=True)
class Imbalance:
    """An uneven job.

    Attributes:
        sequence_slowdown, stage_slowdown: A step's duration to that of the replay without the cause.
        stage: The longest stage.
        stage_ratio: Its computation to the mean stage's.
        step_s: The job's median step.
        kind: Which of both costs more; `none` if neither matters.
    """

    sequence_slowdown: float
    stage_slowdown: float
    stage: int
    stage_ratio: float
    step_s: float
    kind: Literal["sequence", "stage", "none"]

    @property
    def text(self) -> str:
        """One sentence with both numbers."""
        sequence = f"uneven microbatches make a step {self.sequence_slowdown:.2f} times as long"
        stage = (
            f"stage {self.stage} computes {self.stage_ratio:.2f} times the mean stage's time, "
            f"which makes a step {self.stage_slowdown:.2f} times as long"
        )
        return f"{sequence}; {stage}" if self.kind == "sequence" else f"{stage}; {sequence}"


def find_imbalance(case: Case) -> Imbalance | None:
    """How uneven the job is; None where microbatches are not told.

    Raises:
        StoreError: The store did not answer.
    """
    if case.job.ranks < 2 or len(case.times.step) < MIN_STEPS:
        return None
    pipeline = fetch_pipeline(case.client, case.job, case.times.step.tolist())
    return None if pipeline is None else weigh(pipeline, case.times.usual_s)


def weigh(pipeline: Pipeline, step_s: float) -> Imbalance:
    """Replay a pipeline without either cause."""
    even, level = pipeline.medians(), pipeline.medians(by_stage=False)
    uneven = pipeline.step_seconds(even * pipeline.lengths()).mean()
    without_sequence = pipeline.step_seconds(even).mean()
    # A stage is long in most steps: which one is the longest in each may be chance.
    cut = level * pipeline.always(even / np.maximum(level, 1e-12))
    without_cut = pipeline.step_seconds(level).mean()
    sequence, stage = (
        float(uneven / without_sequence),
        float(pipeline.step_seconds(cut).mean() / without_cut),
    )
    work = {int(one): float(cut[pipeline.stage == one].sum()) for one in np.unique(pipeline.stage)}
    longest = max(work, key=lambda one: work[one])
    kind: Literal["sequence", "stage", "none"] = "none"
    if max(sequence, stage) >= MIN_SLOWDOWN:
        kind = "sequence" if sequence >= stage else "stage"
    return Imbalance(
        sequence, stage, longest, work[longest] / float(np.mean(list(work.values()))), step_s, kind
    )


def long_stage(case: Case, found: Imbalance) -> Finding:
    """A long stage as a finding."""
    lost = case.times.total_s * case.job.step_modulus * (1 - 1 / found.stage_slowdown)
    return Finding(
        weight=Weight.SLOWED,
        kind="stage",
        entity=case.job.entity(**{"training.pp_rank": str(found.stage)}),
        fault="long_stage",
        ranks=(),
        lost_s=lost,
        p_value=0.0,
        onset_ns=None,
        evidence=(
            case.rank_course(
                found.text,
                [one.rank for one in case.places.by_rank.values() if one.stage == found.stage],
                COMPUTE_PHASES,
                peers="all",
            ),
            case.evidence(
                "trace", "all its ranks do so alike: a matter of how layers are cut, of no host", "stages"
            ),
        ),
    )

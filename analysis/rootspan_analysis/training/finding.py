"""What a rule of the training half found, before it is ranked and put into words of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from rootspan_analysis.explanation import CauseKind, Evidence
from rootspan_analysis.training.whatif import WhatIf

__all__ = ["Finding", "Weight"]


class Weight(IntEnum):
    """How a finding ranks against others: what stopped the job goes before what slowed it."""

    HARDWARE = 0
    STOPPED = 1
    SLOWED = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing at fault in a training job.

    Attributes:
        entity: Attributes that name it, with the job's.
        ranks: Ranks at fault; empty where none is (a stage, a phase).
        lost_s: Seconds of the whole job that it cost in the window.
        p_value: 0 for what is no statistic.
        onset_ns: Unix nanoseconds; None where that is not to be told.
        what_if: The step without it, where that is known.
    """

    weight: Weight
    kind: CauseKind
    entity: Mapping[str, str]
    fault: str
    ranks: tuple[int, ...]
    lost_s: float
    p_value: float
    onset_ns: int | None
    evidence: tuple[Evidence, ...]
    what_if: WhatIf | None = None

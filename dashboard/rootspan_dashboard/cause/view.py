"""What a card and a report say about a cause: its evidence with the courses behind it, and example traces.

Fetches once for both. A piece of evidence whose query fails is shown without its chart, and says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rootspan_analysis.explanation import Cause, Evidence, Explanation
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.evidence import Course, EvidenceCourses, fetch_evidence
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.cause.examples import Example, fetch_examples
from rootspan_dashboard.reading.connection import ask
from rootspan_store.errors import StoreError

__all__ = ["CauseView", "EvidenceView", "view_cause"]

BEFORE_NS: Final = 600 * NS_PER_S
"""The engine's evidence begins this long before the onset."""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A sentence and what shows it.

    Attributes:
        courses: None when the answer is no course over time, or when it could not be had.
        problem: Why it could not be had; empty if it could.
    """

    evidence: Evidence
    courses: EvidenceCourses | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CauseView:
    """A cause, ready to be told.

    Attributes:
        axis: The time axis that all its charts share.
        during: When it hurt, within the window.
        hurt, normal: Example traces that it hurt, and normal ones of the same operation.
        normal_words: What the normal ones are.
    """

    cause: Cause
    axis: TimeSpan
    during: TimeSpan
    evidence: tuple[EvidenceView, ...]
    hurt: tuple[Example, ...]
    normal: tuple[Example, ...]
    normal_words: str

    def without(self, one: EvidenceView) -> Course | None:
        """What steps would take without the cause, since its onset; None for other charts, or if unknown."""
        told = self.cause.what_if
        if told is None or one.courses is None or not one.courses.of_steps:
            return None
        ends = (
            self.during.from_ns // NS_PER_S,
            min(one.courses.suspect.seconds[-1], self.during.to_ns // NS_PER_S),
        )
        return Course(ends, (told.without_s, told.without_s))


def view_cause(cause: Cause, answer: Explanation) -> CauseView:
    """Fetch what is behind a cause.

    Raises:
        StoreUnreachable: Nothing answers.
    """
    onset = cause.onset_unix_ns if cause.onset_unix_ns is not None else answer.window.from_ns
    end = answer.window.to_ns
    during = TimeSpan(min(max(onset, answer.window.from_ns), end - 1), end)
    axis = TimeSpan(min(answer.window.from_ns, onset - BEFORE_NS), end)
    base = answer.baseline
    before = TimeSpan(base.from_ns, base.to_ns) if base.to_ns > base.from_ns else None
    hosts = tuple(part.strip() for part in cause.entity.get("host.name", "").split(",") if part.strip())
    hurt, normal, words = fetch_examples(cause, during, before)
    evidence = tuple(_view_evidence(one, hosts) for one in cause.evidence)
    axis = TimeSpan(max(axis.from_ns, min(_first_ns(evidence), during.from_ns)), end)
    return CauseView(cause, axis, during, evidence, hurt, normal, words)


def _first_ns(evidence: Sequence[EvidenceView]) -> int:
    """Where the courses begin; 0 without any. A job that was not there before needs no empty space for it."""
    return min((one.courses.suspect.seconds[0] * NS_PER_S for one in evidence if one.courses), default=0)


def _view_evidence(one: Evidence, hosts: tuple[str, ...]) -> EvidenceView:
    try:
        return EvidenceView(one, ask(fetch_evidence, one, hosts))
    except StoreError as error:
        return EvidenceView(one, None, str(error))

"""What the watcher asks the engine, when, and whether it believes what it sees itself.

Owns suspicions: breaches that the engine was not convinced of yet. Opens no incident.
"""

import logging
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from rootspan_analysis.answering import explain
from rootspan_analysis.errors import StoreError
from rootspan_analysis.explanation import Explanation
from rootspan_analysis.question import NS_PER_S, Question
from rootspan_analysis.reader import Reader
from rootspan_analysis.watch.incident import Breach
from rootspan_analysis.watch.judging import Key
from rootspan_analysis.watch.live import YOUNG_COST, Live, question_for
from rootspan_analysis.watch.objectives import WatchSettings
from rootspan_analysis.watch.sweep import Sweep, sweep_question

__all__ = ["Asking"]

AGAIN_S: Final = 10.0
NOTICED_S: Final = 20.0
"""Breaches that go on for so long beyond the first sure one are no event of a moment: somebody suffers."""
UNANSWERED_S: Final = 30.0
"""An engine that cannot answer has not disagreed: for so long it is waited for."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Suspicion:
    """Breaches that the engine was not convinced of."""

    first_ns: int
    asked_ns: int
    took_ms: int


class Asking:
    """The engine, as the watcher uses it. For one thread.

    Attributes:
        took_ms: Time of all answers so far.
    """

    def __init__(self, client: Reader, settings: WatchSettings) -> None:
        self._client, self._settings = client, settings
        self._sweep = Sweep(settings.sweep_s)
        self._suspicions: dict[frozenset[Key], _Suspicion] = {}
        self.took_ms = 0

    def about(
        self, live: Live, *, alone: bool, now_ns: int, end_s: int, noticed: bool = True
    ) -> Explanation | None:
        """Ask about an incident, and have it take in the answer. None: there was none.

        Args:
            alone, noticed: See `question_for`.
        """
        question = question_for(
            live.incident.breaches,
            last_bad_s=live.last_bad_s,
            end_s=end_s,
            alone=alone,
            noticed=noticed,
        )
        answer = self._answer(question, live.incident.id)
        if answer is not None:
            live.explained(answer, now_ns=now_ns, end_s=end_s)
        return answer

    def believes(self, live: Live, severe: AbstractSet[Key], *, alone: bool, now_ns: int, end_s: int) -> bool:
        """Ask about new breaches. Whether they are to be an incident.

        Args:
            severe: Objectives that most requests miss.
        """
        keys = frozenset(live.keys)
        held = next((one for known, one in self._suspicions.items() if known & keys), None)
        if held is not None:
            wait_ns = max(AGAIN_S * NS_PER_S, YOUNG_COST * held.took_ms * 1_000_000)
            if now_ns - held.asked_ns < wait_ns:
                return False
        is_set = any(one.configured for one in live.incident.breaches)
        is_sure = is_set or bool(keys & severe) or not self._settings.agree
        first_ns = held.first_ns if held else now_ns
        is_noticed = is_sure or now_ns - first_ns >= NOTICED_S * NS_PER_S
        answer = self.about(live, alone=alone, now_ns=now_ns, end_s=end_s, noticed=is_noticed)
        if is_sure or (answer is not None and _agrees(answer)):
            return True
        self._suspicions[keys] = _Suspicion(first_ns, now_ns, answer.took_ms if answer else 0)
        longest_s = self._settings.insist_s
        insist_s = longest_s if answer is not None else min(UNANSWERED_S, longest_s)
        return now_ns - first_ns >= insist_s * NS_PER_S

    def forget_but(self, keys: AbstractSet[Key]) -> None:
        """Drop suspicions of what is no breach any more."""
        self._suspicions = {known: one for known, one in self._suspicions.items() if known & keys}

    def sweep(self, *, hinted: bool, now_ns: int, end_s: int) -> tuple[Breach, Explanation] | None:
        """Ask, if it is time, whether a part is ill that nobody misses yet; what to open an incident for.

        Args:
            hinted: Whether some objective is unlike itself.
        """
        if not self._sweep.is_due(now_ns, hinted=hinted):
            return None
        answer = self._answer(sweep_question(end_s), "a sweep")
        breach = self._sweep.take(answer, now_ns=now_ns)
        return (breach, answer) if breach is not None and answer is not None else None

    def _answer(self, question: Question, what: str) -> Explanation | None:
        try:
            answer = explain(self._client, question)
        except StoreError as error:
            log.warning("could not explain %s: %s", what, error)
            return None
        self.took_ms += answer.took_ms
        return answer


def _agrees(answer: Explanation) -> bool:
    """Whether the engine sees it too: a cause, load, a configuration, or at least the symptom."""
    if answer.verdict in ("cause_found", "load", "configuration"):
        return True
    return answer.symptom is not None and answer.symptom.kind != "none"

"""Keeps answers for a while: one for all viewers, asked once however many want it at the same time.

Answers are shared as they are, not copied: whoever gets one does not change it.
"""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["KeptAnswers"]

PATIENCE: Final = 10.0
"""An answer is kept so many times as long as the store took for it.

So viewers who look again and again take at most an eleventh of a busy store's time for each question.
"""


@dataclass(slots=True)
class _Kept:
    answer: Future[Any] = field(default_factory=Future)
    until_s: float = float("inf")


class KeptAnswers:
    """Answers by question.

    Args:
        least_s, longest_s: How long an answer is kept: the first if the store was quick, up to the second if
            it was slow.
        most: Answers kept; of more the oldest go.
    """

    def __init__(self, *, least_s: float, longest_s: float, most: int) -> None:
        self._least_s, self._longest_s, self._most = least_s, longest_s, most
        self._kept: dict[Hashable, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, question: Hashable, ask: Callable[[], Any]) -> Any:
        """The kept answer, or what `ask` returns; waits if somebody else is asking the same.

        Raises:
            Exception: Whatever `ask` raised, to all who wait for it. It is not kept.
        """
        with self._lock:
            kept = self._kept.get(question)
            known = kept is not None and time.monotonic() < kept.until_s
            if kept is None or not known:
                kept = self._kept[question] = _Kept()
                self._make_room()
        return kept.answer.result() if known else self._ask(question, kept, ask)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()

    def _ask(self, question: Hashable, kept: _Kept, ask: Callable[[], Any]) -> Any:
        began_s = time.monotonic()
        try:
            answer = ask()
        except BaseException as error:
            with self._lock:
                if self._kept.get(question) is kept:
                    del self._kept[question]
            kept.answer.set_exception(error)
            raise
        now_s = time.monotonic()
        kept.until_s = now_s + min(self._longest_s, max(self._least_s, PATIENCE * (now_s - began_s)))
        kept.answer.set_result(answer)
        return answer

    def _make_room(self) -> None:
        """Drop what is old, then the oldest; the newest question stays, which is the one being asked."""
        now_s = time.monotonic()
        for question in [one for one, kept in self._kept.items() if kept.until_s <= now_s]:
            del self._kept[question]
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

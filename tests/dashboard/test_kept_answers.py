"""Answers are shared: asked once however many want one, kept longer if the store was slow; no failure is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rootspan_analysis.views.fleet import fetch_totals
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_search import fetch_attribute_keys
from rootspan_dashboard.reading.connection import _Call
from rootspan_dashboard.reading.kept import KeptAnswers
from support.processes import wait_until

MINUTE_NS = 60_000_000_000


def kept(*, least_s: float = 60.0, longest_s: float = 60.0, most: int = 10) -> KeptAnswers:
    return KeptAnswers(least_s=least_s, longest_s=longest_s, most=most)


def test_many_who_want_the_same_at_once_ask_once_and_get_the_same() -> None:
    answers, calls, may_end = kept(), [], threading.Event()

    def ask() -> object:
        calls.append(1)
        may_end.wait(30)
        return object()

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(answers.get, "question", ask) for _ in range(8)]
        wait_until(lambda: bool(calls), timeout_s=30, what="the question is asked")
        may_end.set()
        found = {id(one.result(30)) for one in waiting}
    assert len(found) == len(calls) == 1


def test_an_answer_is_kept_longer_if_the_store_was_slow_and_no_longer_than_allowed() -> None:
    def slow() -> float:
        time.sleep(0.5)
        return time.monotonic()

    patient, strict = kept(least_s=0.01), kept(least_s=0.01, longest_s=0.02)
    first = patient.get("slow", slow)
    time.sleep(0.05)
    assert patient.get("slow", slow) == first, "five seconds of patience"
    first = strict.get("slow", slow)
    wait_until(lambda: strict.get("slow", slow) > first, timeout_s=30, what="asked again")


def test_a_failure_is_told_to_all_who_wait_and_asked_again_by_who_comes_next() -> None:
    answers, may_end = kept(), threading.Event()

    def fail() -> None:
        may_end.wait(30)
        raise LookupError("away")

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(answers.get, "question", fail) for _ in range(2)]
        may_end.set()
        for one in waiting:
            with pytest.raises(LookupError):
                one.result(30)
    assert answers.get("question", lambda: "back") == "back"


def test_what_is_forgotten_meanwhile_is_not_kept_and_the_oldest_make_room() -> None:
    answers = kept(most=2)

    def forget_and_answer() -> str:
        answers.clear()
        return "old"

    assert answers.get("question", forget_and_answer) == "old"
    assert answers.get("question", lambda: "new") == "new"
    for name in ("a", "b"):
        answers.get(name, lambda: "kept")
    assert answers.get("question", lambda: "asked again") == "asked again"
    assert answers.get("b", lambda: "asked again") == "kept"


def test_ranges_of_the_same_minutes_are_one_question_to_the_rollups_and_two_to_raw_spans() -> None:
    spans = [TimeSpan(30 * MINUTE_NS + late, 60 * MINUTE_NS + late) for late in (1, 15_000_000_000)]
    rolled = {_Call.of(fetch_totals, (span, "all"), {"step_s": 60}) for span in spans}
    raw = {_Call.of(fetch_attribute_keys, (span, ""), {}) for span in spans}
    assert (len(rolled), len(raw)) == (1, 2)

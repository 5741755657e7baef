"""Batch interference: large requests that hold up their batch are named; what only looks like it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rootspan_analysis import Explanation, Question, explain
from support.batched_engine import SERVICE, serve
from support.written import WritableStore

END_S = 1_795_341_600
BEGIN_S, ONSET_S = END_S - 1320, END_S - 300
FEW = 0.005
"""Share of large requests that is usual."""


@pytest.fixture(scope="module")
def opened() -> Iterator[WritableStore]:
    store = WritableStore(database="batched")
    yield store
    store.close()


@pytest.fixture
def store(opened: WritableStore) -> WritableStore:
    opened.clear()
    return opened


def _from_onset(usual: float, now: float) -> Callable[[float], float]:
    return lambda at: usual if at < ONSET_S else now


def _ask(store: WritableStore) -> Explanation:
    return explain(store, Question((ONSET_S - 60) * 10**9, END_S * 10**9))


def test_large_requests_that_hold_up_their_batch_are_the_cause(store: WritableStore) -> None:
    serve(store, BEGIN_S, END_S, large_ratio=_from_onset(FEW, 0.08))
    answer = _ask(store)
    assert answer.verdict == "cause_found"
    first = answer.causes[0]
    assert (first.fault, first.entity["service.name"]) == ("batch_interference", SERVICE)
    assert "share a batch with" in first.evidence[0].text
    told = store.query_arrow(first.evidence[0].sql).to_pylist()
    mean = {
        mated: sum(row["mean_ms_in_batches"] for row in rows) / len(rows)
        for mated in (True, False)
        if (rows := [row for row in told if bool(row["with_a_large_one"]) is mated])
    }
    assert mean[True] > 1.5 * mean[False]
    assert [one.fault for one in answer.causes] == ["batch_interference"]


def test_large_requests_that_were_always_there_are_usual(store: WritableStore) -> None:
    serve(store, BEGIN_S, END_S, large_ratio=lambda _at: 0.05)
    answer = _ask(store)
    assert (answer.verdict, answer.causes) == ("no_fault", ())


def test_large_requests_that_hold_up_nobody_are_no_interference(store: WritableStore) -> None:
    serve(store, BEGIN_S, END_S, large_ratio=_from_onset(FEW, 0.08), prompt_token_s=0.0)
    assert not _ask(store).causes


def test_a_slow_host_is_the_host_though_large_requests_are_about(store: WritableStore) -> None:
    serve(
        store,
        BEGIN_S,
        END_S,
        large_ratio=lambda _at: 0.05,
        slow=lambda host, at: 2.0 if host == "llm-1" and at >= ONSET_S else 1.0,
    )
    first = _ask(store).causes[0]
    assert (first.fault, first.entity["host.name"]) == ("slow_host", "llm-1")

"""Requests as vLLM tells them by itself: its queue is understood, its model and its tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rootspan_analysis import Question, explain
from rootspan_analysis.views.cost import fetch_model_usage
from rootspan_analysis.views.timespan import TimeSpan
from support.written import WritableStore

END_S = time.time() // 60 * 60
BEGIN_S, ONSET_S = END_S - 1500, END_S - 240
MODEL = "meta-llama/Llama-3.1-8B-Instruct"


def llm_request(queue_s: str) -> dict[str, str]:
    """Attributes of vLLM's span `llm_request`; source of the names: vllm/tracing, SpanAttributes."""
    return {
        "gen_ai.response.model": f"'{MODEL}'",
        "gen_ai.request.id": "concat('cmpl-', toString(number))",
        "gen_ai.request.temperature": "0.7",
        "gen_ai.request.top_p": "1.0",
        "gen_ai.request.max_tokens": "256",
        "gen_ai.request.n": "1",
        "gen_ai.usage.prompt_tokens": "500",
        "gen_ai.usage.completion_tokens": "120",
        "gen_ai.latency.time_in_queue": queue_s,
        "gen_ai.latency.time_to_first_token": f"{queue_s} + 0.05",
        "gen_ai.latency.e2e": f"{queue_s} + 1.2",
    }


@pytest.fixture(scope="module")
def store() -> Iterator[WritableStore]:
    opened = WritableStore(database="vllm")
    usual, long = "0.02 + (number % 7) / 1000", "2.4 + (number % 7) / 10"
    opened.stream("vllm", BEGIN_S, ONSET_S, operation="llm_request", ms=1200, attributes=llm_request(usual))
    opened.stream(
        "vllm", ONSET_S, END_S, operation="llm_request", ms=3900, attributes=llm_request(long), trace="later"
    )
    yield opened
    opened.close()


def test_a_queue_that_vllm_tells_is_the_cause(store: WritableStore) -> None:
    answer = explain(store, Question(round((ONSET_S - 60) * 1e9), round(END_S * 1e9)))
    assert answer.verdict == "cause_found"
    first = answer.causes[0]
    assert first.fault == "saturated_queue"
    assert first.entity["service.name"] == "vllm"
    assert store.query_arrow(first.evidence[0].sql).num_rows > 0


def test_its_model_and_tokens_are_counted(store: WritableStore) -> None:
    used = fetch_model_usage(store, TimeSpan(round(BEGIN_S * 1e9), round(END_S * 1e9))).to_pylist()
    assert [(row["service"], row["model"]) for row in used] == [("vllm", MODEL)]
    assert used[0]["input_tokens"] == pytest.approx(500 * used[0]["requests"])
    assert used[0]["output_tokens"] == pytest.approx(120 * used[0]["requests"])

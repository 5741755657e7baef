"""What a question may be, and what an answer says when there is nothing to compare."""

from collections.abc import Callable

import pytest
from bench.embedded import EmbeddedStore
from fleets import END_NS

from rootspan_analysis import Question, QuestionError, StoreError, explain
from rootspan_analysis.evidence import render
from rootspan_analysis.reader import statement

MINUTE_NS = 60_000_000_000


def test_empty_store_has_not_enough_data(open_store: Callable[[str], EmbeddedStore]) -> None:
    answer = explain(open_store("empty"), Question(END_NS - 15 * MINUTE_NS, END_NS))
    assert answer.verdict == "not_enough_data"
    assert answer.causes == ()
    assert answer.to_json()["telemetry"] == {}


def test_progress_is_told_in_order(open_store: Callable[[str], EmbeddedStore]) -> None:
    told: list[float] = []
    explain(
        open_store("empty"),
        Question(END_NS - 15 * MINUTE_NS, END_NS),
        on_progress=lambda _text, share: told.append(share),
    )
    assert told
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("from_ns", "to_ns", "top"),
    [(END_NS, END_NS - 1, 3), (END_NS - 1, END_NS, 3), (0, END_NS, 3), (END_NS - MINUTE_NS, END_NS, 0)],
)
def test_senseless_questions_are_refused_with_a_next_step(from_ns: int, to_ns: int, top: int) -> None:
    with pytest.raises(QuestionError, match=r"; (give|ask|choose)"):
        Question(from_ns, to_ns, top=top)


def test_a_store_that_fails_is_told_with_the_statement() -> None:
    class Broken:
        def query_arrow(self, query: str, parameters: object = None) -> None:
            raise RuntimeError("connection refused")

    with pytest.raises(StoreError, match=r"\.sql: connection refused") as caught:
        explain(Broken(), Question(END_NS - MINUTE_NS, END_NS))  # type: ignore[arg-type]
    assert caught.value.statement


def test_rendered_sql_quotes_whatever_a_name_holds(open_store: Callable[[str], EmbeddedStore]) -> None:
    values = {
        "service": "it's \\ {a:String}",
        "hosts": ["h'1", "\\"],
        "from_ns": 0,
        "to_ns": 1,
    }
    sql = render("evidence_lost", values)
    assert open_store("empty").query_arrow(sql).num_rows == 0


def test_statements_bind_their_parameters() -> None:
    for name in ("cells", "edges", "logs", "roots", "gauges", "minutes", "instances", "signs_of_life"):
        assert "{from_" in statement(name)

from __future__ import annotations

import asyncio
import sys

import pytest
from opentelemetry.trace import StatusCode

import rootspan
from rootspan.testing import Captured


def test_an_exception_is_one_event_at_the_deepest_span_and_an_error_on_all(captured: Captured) -> None:
    with pytest.raises(KeyError), rootspan.span("top"), rootspan.span("middle"), rootspan.span("deep"):
        raise KeyError("user_history_v4")
    deep, middle, top = captured.spans
    assert [len(span.events) for span in (deep, middle, top)] == [1, 0, 0]
    assert {span.status for span in captured.spans} == {StatusCode.ERROR}
    assert {span.attributes["error.type"] for span in captured.spans} == {"KeyError"}
    name, attributes = deep.events[0]
    assert name == "exception"
    assert attributes["exception.type"] == "KeyError"
    assert "test_sdk_outcome" in str(attributes["exception.stacktrace"])
    assert deep.status_message == "KeyError: 'user_history_v4'"


def test_a_chained_exception_is_recorded_where_it_is_made(captured: Captured) -> None:
    @rootspan.trace("outer")
    def outer() -> None:
        try:
            with rootspan.span("inner"):
                raise ValueError("cause")
        except ValueError as err:
            raise RuntimeError("effect") from err

    with pytest.raises(RuntimeError):
        outer()
    assert [span.events[0][1]["exception.type"] for span in captured.spans] == ["ValueError", "RuntimeError"]


def test_an_exception_object_kept_and_raised_again_is_news_to_another_trace(captured: Captured) -> None:
    kept = ValueError("kept")
    for _ in range(2):
        with pytest.raises(ValueError, match="kept"), rootspan.span("work"):
            raise kept
    assert [len(span.events) for span in captured.spans] == [1, 1]


def test_an_exception_that_refuses_to_print_itself_does_no_harm(captured: Captured) -> None:
    class Rude(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no")

    with pytest.raises(Rude), rootspan.span("work"):
        raise Rude
    assert captured.one("work").status is StatusCode.ERROR
    assert len(captured.one("work").events) == 1


async def test_a_cancelled_task_is_no_error_of_the_code(captured: Captured) -> None:
    @rootspan.trace("waiting")
    async def wait() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    span = captured.one("waiting")
    assert (span.status, span.events) == (StatusCode.UNSET, ())
    assert span.attributes["rootspan.outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("code", "status"), [(0, StatusCode.UNSET), (None, StatusCode.UNSET), (2, StatusCode.ERROR)]
)
def test_leaving_the_program_is_an_error_only_with_a_code(
    captured: Captured, code: int | None, status: StatusCode
) -> None:
    with pytest.raises(SystemExit), rootspan.span("main"):
        sys.exit(code)
    assert captured.one("main").status is status


def test_a_span_takes_attributes_by_name_and_by_mapping(captured: Captured) -> None:
    with rootspan.span("rank", {"gen_ai.request.model": "m"}, kind="client", candidates=3) as span:
        rootspan.set_attributes({"app.rows": 7}, extra=True)
        assert rootspan.current_span() is span
    assert captured.one("rank").attributes == {
        "gen_ai.request.model": "m",
        "candidates": 3,
        "app.rows": 7,
        "extra": True,
    }


def test_headers_carry_the_current_span_to_another_process(captured: Captured) -> None:
    with rootspan.span("caller"):
        headers = rootspan.inject()
    parent = rootspan.extract({"Traceparent": headers["traceparent"]})
    with rootspan.span("callee", context=parent):
        pass
    assert captured.one("callee").parent_id == captured.one("caller").span_id
    assert captured.one("callee").trace_id == captured.one("caller").trace_id


@pytest.mark.parametrize("headers", [{}, {"traceparent": "nonsense"}, {"traceparent": "00-0-0-01"}])
def test_headers_without_a_span_begin_a_new_trace(captured: Captured, headers: dict[str, str]) -> None:
    with rootspan.span("callee", context=rootspan.extract(headers)):
        pass
    assert captured.one("callee").parent_id is None

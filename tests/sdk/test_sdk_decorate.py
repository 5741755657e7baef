from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

import pytest
from opentelemetry import trace as otel_trace
from opentelemetry.trace import SpanKind, StatusCode

import rootspan
from rootspan.testing import Captured


def _current_name() -> str:
    return getattr(rootspan.current_span(), "name", "")


@rootspan.trace
def double(x: int) -> int:
    """Twice x."""
    return 2 * x


@rootspan.trace("named", attributes={"k": 1}, kind="server")
async def async_double(x: int) -> int:
    await asyncio.sleep(0)
    assert _current_name() == "named"
    return 2 * x


@rootspan.trace
def numbers(n: int) -> Generator[int, int | None, str]:
    got = []
    for i in range(n):
        assert _current_name() in ("numbers", "inner")
        with rootspan.span("inner"):
            got.append((yield i))
            assert _current_name() == "inner"
    return f"got {got}"


@rootspan.trace
async def async_numbers(n: int) -> AsyncGenerator[int, int | None]:
    for i in range(n):
        await asyncio.sleep(0)
        assert _current_name() == "async_numbers"
        yield i


def test_a_function_gets_a_span_named_after_it(captured: Captured) -> None:
    assert double(4) == 8
    span = captured.one("double")
    assert span.attributes["code.function.name"] == f"{__name__}.double"
    assert span.parent_id is None
    assert span.status is StatusCode.UNSET
    assert double.__doc__ == "Twice x."


async def test_a_coroutine_function_is_covered_until_it_returns(captured: Captured) -> None:
    assert await async_double(4) == 8
    span = captured.one("named")
    assert (span.kind, span.attributes["k"]) == (SpanKind.SERVER, 1)


def test_wrappers_are_of_the_kind_of_what_they_wrap() -> None:
    assert inspect.iscoroutinefunction(async_double)
    assert inspect.isgeneratorfunction(numbers)
    assert inspect.isasyncgenfunction(async_numbers)
    assert not inspect.iscoroutinefunction(double)
    assert list(inspect.signature(double).parameters) == ["x"]


def test_a_partial_of_a_coroutine_function_is_awaited_within_the_span(captured: Captured) -> None:
    async def work(x: int, y: int) -> int:
        await asyncio.sleep(0)
        return x + y

    traced = rootspan.trace("partial")(functools.partial(work, 1))
    assert asyncio.run(traced(2)) == 3
    assert captured.names() == ["partial"]


class Model:
    @rootspan.trace
    def forward(self, x: int) -> int:
        return x + 1

    @rootspan.trace
    @staticmethod
    def fixed(x: int) -> int:
        return x + 2

    @staticmethod
    @rootspan.trace
    def fixed_inside(x: int) -> int:
        return x + 3

    @rootspan.trace
    @classmethod
    def made(cls, x: int) -> tuple[type, int]:
        return cls, x


def test_methods_of_every_kind(captured: Captured) -> None:
    model = Model()
    assert model.forward(1) == 2
    assert Model.fixed(1) == model.fixed(1) == 3
    assert model.fixed_inside(1) == 4
    assert Model.made(1) == model.made(1) == (Model, 1)
    assert set(captured.names()) == {"Model.forward", "Model.fixed", "Model.fixed_inside", "Model.made"}


def test_a_class_has_its_own_public_methods_traced(captured: Captured) -> None:
    class Base:
        def inherited(self) -> int:
            return 0

    @rootspan.trace(attributes={"part": "ranker"})
    class Ranker(Base):
        top = 3

        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, x: int) -> int:
            return self._hidden(x)

        def rank(self, x: int) -> int:
            return x

        @rootspan.trace("by hand")
        def traced_already(self) -> int:
            return 1

        @classmethod
        def made(cls) -> Ranker:
            return cls()

        @staticmethod
        def fixed() -> int:
            return 2

        @property
        def size(self) -> int:
            return 3

        async def rank_later(self, x: int) -> int:
            return x

        def _hidden(self, x: int) -> int:
            return x

    ranker = Ranker.made()
    assert isinstance(ranker, Ranker)
    assert (ranker(1), ranker.rank(2), ranker.traced_already(), ranker.fixed(), ranker.size) == (
        1,
        2,
        1,
        2,
        3,
    )
    assert (ranker.inherited(), ranker.top, asyncio.run(ranker.rank_later(4))) == (0, 3, 4)
    assert captured.names() == [
        "Ranker.made",
        "Ranker.__call__",
        "Ranker.rank",
        "by hand",
        "Ranker.fixed",
        "Ranker.rank_later",
    ]
    assert captured.one("Ranker.rank").attributes["part"] == "ranker"


def test_values_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="functions, methods and classes"):
        rootspan.trace(3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="kind is 'sever'"):
        rootspan.trace("x", kind="sever")  # type: ignore[call-overload]


def test_a_generator_is_covered_from_first_step_to_last(captured: Captured) -> None:
    with rootspan.span("consumer"):
        steps = numbers(3)
        assert captured.names() == []
        for _ in steps:
            assert _current_name() == "consumer"
    assert captured.names() == ["inner"] * 3 + ["numbers", "consumer"]
    outer = captured.one("numbers")
    assert {span.name for span in captured.children(outer)} == {"inner"}
    assert outer.parent_id == captured.one("consumer").span_id


def test_send_throw_and_the_returned_value_go_through(captured: Captured) -> None:
    steps = numbers(2)
    assert next(steps) == 0
    assert steps.send(7) == 1
    with pytest.raises(StopIteration) as stopped:
        steps.send(8)
    assert stopped.value.value == "got [7, 8]"

    @rootspan.trace("catching")
    def catching() -> Iterator[str]:
        try:
            yield "first"
        except ValueError:
            yield "caught"

    stepper = catching()
    assert next(stepper) == "first"
    assert stepper.throw(ValueError("x")) == "caught"  # type: ignore[attr-defined]
    assert list(stepper) == []
    assert captured.one("catching").status is StatusCode.UNSET


def test_an_exception_thrown_into_a_generator_that_does_not_catch_it_is_its_error(captured: Captured) -> None:
    steps = numbers(2)
    next(steps)
    with pytest.raises(LookupError):
        steps.throw(LookupError("x"))
    assert captured.one("numbers").status is StatusCode.ERROR


def test_a_generator_closed_early_ends_its_span_without_error(captured: Captured) -> None:
    steps = numbers(3)
    next(steps)
    steps.close()
    span = captured.one("numbers")
    assert span.status is StatusCode.UNSET
    assert span.attributes["rootspan.outcome"] == "closed_early"
    assert span.events == ()


def test_a_generator_resumed_in_other_threads_and_contexts_keeps_its_span(
    captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    steps = numbers(3)
    next(steps)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(next(steps)))
    thread.start()
    thread.join()
    contextvars.copy_context().run(lambda: got.append(next(steps)))
    steps.close()
    assert got == [1, 2]
    assert [span.parent_id for span in captured.spans if span.name == "inner"] == [
        captured.one("numbers").span_id
    ] * 3
    assert caplog.records == []  # OpenTelemetry logs a context that cannot be detached


async def test_an_async_generator_never_leaks_its_span(captured: Captured) -> None:
    with rootspan.span("consumer"):
        async for _ in async_numbers(3):
            assert _current_name() == "consumer"
            await asyncio.sleep(0)
            assert _current_name() == "consumer"
    assert captured.names() == ["async_numbers", "consumer"]


async def test_an_async_generator_closed_early_runs_its_cleanup_inside_the_span(captured: Captured) -> None:
    seen = []

    @rootspan.trace("stream")
    async def stream() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            seen.append(_current_name())

    steps = stream()
    await anext(steps)
    await steps.aclose()  # type: ignore[attr-defined]
    assert seen == ["stream"]
    assert captured.one("stream").attributes["rootspan.outcome"] == "closed_early"


async def test_an_async_generator_takes_values_and_exceptions(captured: Captured) -> None:
    @rootspan.trace("echo")
    async def echo() -> AsyncGenerator[str, str]:
        sent = "start"
        while True:
            try:
                sent = yield sent
            except ValueError as err:
                sent = f"caught {err}"

    steps = echo()
    assert await anext(steps) == "start"
    assert await steps.asend("a") == "a"
    assert await steps.athrow(ValueError("b")) == "caught b"
    with pytest.raises(KeyError):
        await steps.athrow(KeyError("c"))
    assert captured.one("echo").status is StatusCode.ERROR


async def test_concurrent_tasks_have_their_own_current_spans(captured: Captured) -> None:
    @rootspan.trace
    async def parent(i: int) -> None:
        rootspan.set_attributes(i=i)
        await asyncio.gather(*(child(i) for _ in range(3)))

    @rootspan.trace
    async def child(i: int) -> None:
        await asyncio.sleep(0)
        rootspan.set_attributes(i=i)

    await asyncio.gather(*(parent(i) for i in range(5)))
    for span in captured.spans:
        if "parent" in span.name:
            assert [c.attributes["i"] for c in captured.children(span)] == [span.attributes["i"]] * 3


def test_spans_of_the_plain_api_join_in(captured: Captured) -> None:
    tracer = otel_trace.get_tracer("theirs")
    with tracer.start_as_current_span("outer"):
        double(1)
    assert captured.one("double").parent_id == captured.one("outer").span_id

"""Arguments and results are recorded when asked for: short, without secrets, without touching objects."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rootspan
from rootspan.spans import values
from rootspan.spans.values import MAX_TEXT, is_secret, render
from rootspan.testing import Captured


def recorded(captured: Captured, name: str) -> dict[str, object]:
    attributes = captured.one(name).attributes
    return {key[9:]: value for key, value in attributes.items() if key.startswith("rootspan.")}


def test_nothing_is_recorded_unless_asked_for(captured: Captured) -> None:
    @rootspan.trace("quiet")
    def work(password: str, x: int) -> int:
        return x

    work("geheim", 1)
    assert recorded(captured, "quiet") == {}


def test_arguments_are_recorded_by_name_as_they_were_given(captured: Captured) -> None:
    @rootspan.trace("work", arguments=True, result=True)
    def work(user: int, *shapes: int, model: str = "dlrm", **more: object) -> list[int]:
        return [user, *shapes]

    work(7, 2, 3, beam=True)
    assert recorded(captured, "work") == {
        "argument.user": 7,
        "argument.shapes": "(2, 3)",
        "argument.more": "{'beam': True}",
        "result": "[7, 2, 3]",
    }


def test_only_the_named_arguments_are_recorded_and_self_never(captured: Captured) -> None:
    class Model:
        @rootspan.trace("some", arguments=["rows"])
        def some(self, rows: int, other: int) -> None: ...

        @rootspan.trace("all", arguments=True)
        def all(self, rows: int, other: int) -> None: ...

        @classmethod
        @rootspan.trace("class", arguments=True)
        def of_class(cls, rows: int) -> None: ...

    Model().some(1, other=2)
    Model().all(1, other=2)
    Model.of_class(3)
    assert recorded(captured, "some") == {"argument.rows": 1}
    assert recorded(captured, "all") == {"argument.rows": 1, "argument.other": 2}
    assert recorded(captured, "class") == {"argument.rows": 3}


def test_a_parameter_that_does_not_exist_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"arguments names 'row': .* has rows"):

        @rootspan.trace(arguments=["row"])
        def work(rows: int) -> None: ...

    with pytest.raises(ValueError, match=r"give a list of names, redact=\['ssn'\]"):
        rootspan.trace(redact="ssn")


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "apiKey",
        "api_key",
        "X-Api-Key",
        "token",
        "accessToken",
        "AUTHORIZATION",
        "secret",
    ],
)
def test_what_sounds_like_a_secret_is_redacted(captured: Captured, name: str) -> None:
    assert is_secret(name)
    assert render({name: "geheim", "n": 1}) == f"{{{name!r}: [redacted], 'n': 1}}"
    assert "geheim" not in str(render([{"deep": {name: "geheim"}}]))


@pytest.mark.parametrize("name", ["tokens", "max_tokens", "author", "passenger", "keyboard", "input_tokens"])
def test_what_only_looks_like_one_is_not(name: str) -> None:
    assert not is_secret(name)


def test_more_names_can_be_redacted(captured: Captured) -> None:
    @rootspan.trace("work", arguments=True, result=True, redact=["email"])
    def work(email: str, token: str, user: dict[str, str]) -> dict[str, str]:
        return {"email": email}

    work("a@example.org", "geheim", {"email": "a@example.org", "name": "a"})
    assert recorded(captured, "work") == {
        "argument.email": "[redacted]",
        "argument.token": "[redacted]",
        "argument.user": "{'email': [redacted], 'name': 'a'}",
        "result": "{'email': [redacted]}",
    }


class Touchy:
    """Notes every access that runs its code."""

    touched: ClassVar[list[str]] = []

    def __repr__(self) -> str:
        self.touched.append("repr")
        return "Touchy"

    __str__ = __repr__

    def __getattr__(self, name: str) -> Any:
        self.touched.append(name)
        raise AttributeError(name)

    def __len__(self) -> int:
        self.touched.append("len")
        return 1


@dataclass
class Request:
    user: int
    password: str
    payload: object


def test_objects_are_told_by_type_and_never_touched() -> None:
    assert render(Touchy()) == f"<{__name__}.Touchy>"
    assert render([Touchy(), {"k": Touchy()}]) == f"[<{__name__}.Touchy>, {{'k': <{__name__}.Touchy>}}]"
    assert render(Request(1, "geheim", Touchy())) == (
        f"Request('user': 1, 'password': [redacted], 'payload': <{__name__}.Touchy>)"
    )
    assert Touchy.touched == []


def test_arrays_are_told_by_shape_and_type() -> None:
    numpy = pytest.importorskip("numpy")
    assert render(numpy.zeros((2, 3), dtype="float32")) == "numpy.ndarray(shape=(2, 3), dtype=float32)"


def test_long_and_deep_values_are_cut() -> None:
    assert len(str(render("x" * 10_000))) == MAX_TEXT
    assert str(render(list(range(1000)))).endswith("… 984 more]")
    endless: list[object] = []
    endless.append(endless)
    assert render(endless) == "[[[[<builtins.list>]]]]"
    assert len(str(render({str(i): "y" * 500 for i in range(100)}))) == MAX_TEXT
    assert render(1 << 70) == str(1 << 70)
    assert render(b"abc") == "bytes(3 bytes)"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
        max_leaves=30,
    )
)
def test_anything_renders_within_the_limits(value: object) -> None:
    shown = render(value)
    assert isinstance(shown, (str, bool, int, float))
    assert not isinstance(shown, str) or len(shown) <= MAX_TEXT


async def test_coroutines_and_generators_record_too(captured: Captured) -> None:
    @rootspan.trace("coroutine", arguments=True, result=True)
    async def coroutine(x: int) -> int:
        return x + 1

    @rootspan.trace("steps", arguments=True, result=True)
    def steps(n: int) -> Iterator[int]:
        yield from range(n)

    @rootspan.trace("async steps", result=True)
    async def async_steps(n: int) -> AsyncIterator[int]:
        for i in range(n):
            yield i

    assert await coroutine(1) == 2
    assert list(steps(3)) == [0, 1, 2]
    assert [i async for i in async_steps(2)] == [0, 1]
    assert recorded(captured, "coroutine") == {"argument.x": 1, "result": 2}
    assert recorded(captured, "steps") == {"argument.n": 3, "result.items": 3}
    assert recorded(captured, "async steps") == {"result.items": 2}


def test_a_call_that_does_not_fit_fails_as_it_would_without_us(captured: Captured) -> None:
    @rootspan.trace("work", arguments=True)
    def work(x: int) -> int:
        return x

    with pytest.raises(TypeError, match=r"work\(\) missing 1 required positional argument"):
        work()  # type: ignore[call-arg]
    assert captured.one("work").attributes["error.type"] == "TypeError"


def test_a_mistake_of_ours_while_recording_ends_in_a_log_line(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @rootspan.trace("work", arguments=True)
    def work(x: int) -> int:
        return x

    def broken(*_: object) -> str:
        raise RuntimeError("broken")

    monkeypatch.setattr(values, "render", broken)
    with caplog.at_level(logging.WARNING):
        assert work(1) == 1
    assert "RuntimeError: broken" in caplog.text


def test_a_run_of_a_model_has_the_attributes_of_generative_ai(captured: Captured) -> None:
    @rootspan.infer(model="llama-4", provider="vllm", operation="chat", kind="client")
    def answer(prompt: str) -> str:
        rootspan.set_usage(input_tokens=12, output_tokens=3, cached_tokens=8, finish_reasons=["stop"])
        return "yes"

    @rootspan.infer
    def forward(x: int) -> int:
        return x

    assert answer("?") == "yes"
    assert forward(1) == 1
    attributes = captured.one("chat llama-4").attributes
    assert {key: value for key, value in attributes.items() if key.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "llama-4",
        "gen_ai.provider.name": "vllm",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "gen_ai.response.finish_reasons": ("stop",),
    }
    (plain,) = (span for span in captured.spans if span.name.endswith("forward"))
    assert plain.attributes["gen_ai.operation.name"] == "inference"


async def test_streamed_tokens_tell_the_time_to_the_first(captured: Captured) -> None:
    @rootspan.infer("tokens", model="m")
    async def tokens(n: int) -> AsyncIterator[str]:
        for i in range(n):
            yield str(i)

    @rootspan.infer("no tokens", model="m")
    def none() -> Iterator[str]:
        yield from ()

    assert [token async for token in tokens(2)] == ["0", "1"]
    assert list(none()) == []
    first_s = captured.one("tokens").attributes["gen_ai.response.time_to_first_chunk"]
    assert isinstance(first_s, float)
    assert 0 <= first_s < 5
    assert "gen_ai.response.time_to_first_chunk" not in captured.one("no tokens").attributes

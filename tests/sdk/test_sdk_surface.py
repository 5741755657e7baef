"""What is public, what an import costs, and what type checkers see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rootspan
import rootspan.testing
from support.programs import RunProgram

ROOT = Path(__file__).parents[2]


def test_the_public_surface_is_what_all_says() -> None:
    assert rootspan.__all__ == [
        "ConfigurationError",
        "Delivery",
        "MissingExtraError",
        "RootspanError",
        "SpanScope",
        "attempt",
        "baggage",
        "carry",
        "checkpoint",
        "child_environment",
        "collective",
        "current_span",
        "delivery",
        "extract",
        "flush",
        "infer",
        "init",
        "inject",
        "inject_pairs",
        "link",
        "phase",
        "set_attributes",
        "set_usage",
        "shutdown",
        "span",
        "trace",
        "train_step",
    ]
    for name in rootspan.__all__:
        assert getattr(rootspan, name).__doc__, name
    assert rootspan.testing.__all__ == [
        "Captured",
        "CapturedLog",
        "CapturedSpan",
        "FixedClock",
        "Receiver",
        "attributes_of",
        "capture",
    ]


def test_a_bare_import_needs_opentelemetrys_api_alone_and_starts_nothing(run_program: RunProgram) -> None:
    done = run_program(
        """
        import sys, threading
        import rootspan
        heavy = ("chdb", "streamlit", "pandas", "numpy", "pyarrow", "starlette", "uvicorn", "grpc",
                 "clickhouse_connect", "grpc_health", "google.protobuf", "opentelemetry.sdk",
                 "opentelemetry.exporter", "multiprocessing", "asyncio", "pytest")
        print([name for name in heavy if name in sys.modules], threading.active_count())
        """
    )
    assert done.out.strip() == "[] 1", done.err


def test_init_imports_the_base_dependencies_only(run_program: RunProgram) -> None:
    done = run_program(
        """
        import sys
        import rootspan
        rootspan.init("bare", "127.0.0.1:1", exit_timeout_s=0)
        # grpc imports grpc_health by itself where that is installed.
        heavy = ("chdb", "streamlit", "pandas", "numpy", "pyarrow", "starlette", "clickhouse_connect",
                 "opentelemetry.instrumentation", "requests", "httpx", "pytest")
        print([name for name in heavy if name in sys.modules])
        """
    )
    assert done.out.strip() == "[]", done.err


@pytest.mark.parametrize(
    "checker",
    [("mypy", "--strict", "--cache-dir", "cache"), ("pyright", "--pythonpath", sys.executable)],
    ids=lambda checker: checker[0],
)
def test_type_checkers_see_through_the_decorator(tmp_path: Path, checker: tuple[str, ...]) -> None:
    program = tmp_path / "typed.py"
    program.write_text(
        """
from collections.abc import AsyncIterator, Iterator
from typing import assert_type, TypeVar
from opentelemetry.trace import Span
import rootspan

T = TypeVar("T")

@rootspan.trace
def plain(x: int, *, y: str = "") -> float:
    return 1.0

@rootspan.trace("name", kind="server")
async def coroutine(x: int) -> str:
    return ""

@rootspan.trace
def steps(n: int) -> Iterator[int]:
    yield n

@rootspan.trace
async def async_steps(n: int) -> AsyncIterator[int]:
    yield n

@rootspan.trace
def generic(x: T) -> list[T]:
    return [x]

class Model:
    @rootspan.trace
    def forward(self, x: int) -> bytes:
        return b""
    @staticmethod
    @rootspan.trace
    def fixed(x: int) -> bytes:
        return b""
    @classmethod
    @rootspan.trace
    def made(cls, x: int) -> "Model":
        return cls()

@rootspan.trace(arguments=["x"], result=True)
class Whole:
    def forward(self, x: int) -> bytes:
        return b""

@rootspan.infer(model="m", operation="chat")
async def tokens(n: int) -> AsyncIterator[str]:
    yield ""

@rootspan.infer
def embed(x: int) -> list[float]:
    return []

async def use() -> None:
    assert_type(Whole().forward(1), bytes)
    assert_type([i async for i in tokens(1)], list[str])
    assert_type(embed(1), list[float])
    assert_type(plain(1, y="a"), float)
    assert_type(await coroutine(1), str)
    assert_type([i for i in steps(1)], list[int])
    assert_type([i async for i in async_steps(1)], list[int])
    assert_type(generic("a"), list[str])
    assert_type(Model().forward(1), bytes)
    assert_type(Model.fixed(1), bytes)
    assert_type(Model.made(1), Model)
    with rootspan.span("work", {"a.b": 1}, c=2) as span:
        assert_type(span, Span)
    plain("no number")  # type: ignore[arg-type]
    rootspan.trace("x", kind="sever")  # type: ignore[call-overload]
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", *checker, str(program)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "sdk")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout

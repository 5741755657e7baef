"""What the SDK's tests share: a capture in memory, a real receiver, and programs run as processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootspan.pytest_plugin import captured
from rootspan.testing import Receiver
from support.programs import Finished, RunProgram

__all__ = ["captured"]  # the fixture that the package ships


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def run_program(tmp_path: Path) -> RunProgram:
    """Run Python code as a process of its own, with warnings as errors; init() is once a process."""

    def run(code: str, *, timeout_s: float = 30.0, **variables: str) -> Finished:
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent(code))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "GRPC_"))}
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-W", "error", str(program)],
            env={**clean, **variables},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Finished(done.stdout, done.stderr, done.returncode, time.monotonic() - begin)

    return run

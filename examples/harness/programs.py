"""Runs an example as a person would: `python -m examples.NAME`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2]


class ExampleFailed(RuntimeError):  # noqa: N818 - named for what happened
    """An example ended with a status other than 0; the message holds the end of what it printed."""


def run_example(
    module: str, arguments: Sequence[str], *, environment: Mapping[str, str] = {}, timeout_s: float = 600.0
) -> str:
    """Run it to its end. Returns what it printed.

    Raises:
        ExampleFailed: It failed.
        subprocess.TimeoutExpired: It did not end in time; it is killed.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROOTSPAN_"))}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=_ROOT,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise ExampleFailed(
            f"python -m {module} {' '.join(arguments)} ended with status {done.returncode}:\n"
            f"{(done.stdout + done.stderr)[-4000:]}"
        )
    return done.stdout

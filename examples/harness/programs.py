"""Runs an example as a person would: `python -m examples.NAME`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from examples.harness.processes import bound

_ROOT = Path(__file__).parents[2]
_STOP_WITHIN_S = 20.0


class ExampleFailed(RuntimeError):  # noqa: N818 - named for what happened
    """An example ended with a status other than 0; the message holds the end of what it printed."""


def run_example(
    module: str, arguments: Sequence[str], *, environment: Mapping[str, str] = {}, timeout_s: float = 600.0
) -> str:
    """Run it to its end. Returns what it printed. Should this process end before, the example does, too.

    Raises:
        ExampleFailed: It failed.
        subprocess.TimeoutExpired: It did not end in time; it is ended now.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROOTSPAN_"))}
    with subprocess.Popen(
        bound([sys.executable, "-m", module, *arguments]),
        cwd=_ROOT,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            out, err = running.communicate(timeout=timeout_s)
        except BaseException:
            running.terminate()  # it ends what it started
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.communicate(timeout=_STOP_WITHIN_S)
            running.kill()
            raise
    if running.returncode:
        raise ExampleFailed(
            f"python -m {module} {' '.join(arguments)} ended with status {running.returncode}:\n"
            f"{(out + err)[-4000:]}"
        )
    return out

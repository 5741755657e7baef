"""Starts ranks with torchrun on this machine and waits for them. Owns the processes: none is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.harness.processes import bound

_ROOT = Path(__file__).parents[2]
_STOP_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: torchrun's exit status, and what all ranks printed."""

    status: int
    output: str


def run_ranks(
    module: str,
    arguments: Sequence[str],
    *,
    ranks: int,
    job: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 600.0,
) -> Ended:
    """Run a module on a number of ranks until all of them end.

    Args:
        module: What each rank runs, as for `python -m`.
        arguments: Its command line.
        ranks: How many.
        job: Name of the job, the same on all ranks.
        environment: Further variables.
        timeout_s: When to end them.

    Raises:
        subprocess.TimeoutExpired: They did not end in time; they are ended now.
    """
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    quiet = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(
        bound(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
                *("--nproc-per-node", str(ranks), "-m", module, *arguments),
            ]
        ),
        env={**os.environ, **quiet, "ROOTSPAN_JOB_ID": job, "PYTHONPATH": path, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except BaseException:
        process.terminate()  # torchrun ends its ranks
        try:
            process.communicate(timeout=_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        raise
    return Ended(process.returncode, output)

"""Starts ranks with torchrun on this machine and waits for them. Owns the processes: none is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.harness.processes import bound

from rootspan_cli.processes.ports import free_port

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
    command = ["--standalone", "--nproc-per-node", str(ranks), *_rank(module, arguments)]
    with _agent(command, job, environment or {}) as agent:
        return _ended([agent], timeout_s)


def run_elastic(
    module: str,
    arguments: Sequence[str],
    *,
    nodes: int,
    ranks_a_node: int,
    max_restarts: int,
    job: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 600.0,
) -> Ended:
    """Run a module on the ranks of an elastic job, an agent for each node, until all of them end.

    The agents meet by torchrun's own rendezvous (c10d). When a rank is lost, they start all ranks anew, as
    often as `max_restarts`, also with fewer nodes.

    Raises:
        subprocess.TimeoutExpired: They did not end in time; they are ended now.
    """
    command = ["--nnodes", f"1:{nodes}", "--nproc-per-node", str(ranks_a_node)]
    command += ["--max-restarts", str(max_restarts), "--rdzv-id", job, "--rdzv-backend", "c10d"]
    # All nodes are awaited for so long; that all are there ends it.
    command += ["--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--rdzv-conf", "last_call_timeout=60"]
    command += ["--local-addr", "127.0.0.1", *_rank(module, arguments)]
    # In a store shared with their agents, ranks meet by how often their node started them, each node for
    # by itself: ranks of one that saw the failure first would not meet the others.
    own = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", **(environment or {})}
    with ExitStack() as running:
        agents = [running.enter_context(_agent(command, job, own)) for _ in range(nodes)]
        return _ended(agents, timeout_s)


def _rank(module: str, arguments: Sequence[str]) -> list[str]:
    """What torchrun starts as a rank. It ends its ranks; where it is killed, the kernel does."""
    return ["--no-python", *bound([sys.executable, "-u", "-m", module, *arguments], by="KILL")]


@contextmanager
def _agent(
    command: Sequence[str], job: str, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A running torchrun, which ends its ranks when it is ended; ended on exit."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    quiet = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(
        bound([sys.executable, "-m", "torch.distributed.run", *command]),
        env={**os.environ, **quiet, "ROOTSPAN_JOB_ID": job, "PYTHONPATH": path, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _ended(agents: Sequence[subprocess.Popen[str]], timeout_s: float) -> Ended:
    """What agents printed, one after the other, and the first status that is not 0."""
    with ThreadPoolExecutor(len(agents)) as pool:
        outputs = list(pool.map(lambda one: one.communicate(timeout=timeout_s)[0], agents))
    return Ended(next((one.returncode for one in agents if one.returncode), 0), "".join(outputs))

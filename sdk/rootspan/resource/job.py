"""Who this process is in its training job: job, attempt, rank, coordinates; read from what started it.

Owns what torchrun, Slurm, MPI, Ray and Kubernetes put into the environment, and which of them is believed
when several do. Reads the environment and, where nothing names the job, the launcher's start time; asks
nothing over a network.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from rootspan import semconv

AXES = ("dp", "tp", "pp", "ep")
_NOT_NAMED = ("", "none", "0")  # torchrun's --rdzv-id is "none" unless it is given
_REQUEUE_STEP = 1000


@dataclass(frozen=True, slots=True)
class JobPlace:
    """One process of one training job.

    Attributes:
        job: What names the job on all its ranks.
        named: Whether somebody named it; otherwise `job` is told from its launcher's address.
        attempt: 0 for the first start; torchrun's restarts count one each, Slurm's requeues a thousand each.
        local_rank: Rank within the host, or None where nobody says.
        parallel: Axis ("dp", "tp", "pp", "ep") to rank and size on it; only what is known.
        scheduler: Further resource attributes: Slurm's job, Kubernetes' pod, the GPU.
    """

    job: str
    named: bool = True
    attempt: int = 0
    rank: int = 0
    world_size: int = 1
    local_rank: int | None = None
    launcher: str | None = None
    parallel: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))
    scheduler: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))

    def attributes(self) -> dict[str, str | int]:
        """What every span of a step carries."""
        found: dict[str, str | int] = {
            semconv.TRAINING_JOB_ID: self.job,
            semconv.TRAINING_ATTEMPT: self.attempt,
            semconv.TRAINING_RANK: self.rank,
            semconv.TRAINING_WORLD_SIZE: self.world_size,
        }
        if self.local_rank is not None:
            found[semconv.TRAINING_LOCAL_RANK] = self.local_rank
        for axis, (rank, size) in self.parallel.items():
            found[f"training.{axis}_rank"], found[f"training.{axis}_size"] = rank, size
        return found

    def resource(self) -> dict[str, str | int]:
        """What the resource carries."""
        found = {**self.scheduler, **self.attributes()}
        if self.launcher is not None:
            found[semconv.TRAINING_LAUNCHER] = self.launcher
        return found

    def with_parallel(self, parallel: Mapping[str, tuple[int, int]]) -> JobPlace:
        """The same place with coordinates that became known later."""
        return replace(self, parallel=MappingProxyType({**self.parallel, **parallel}))


# Launcher, then the variables of rank, world size and local rank. The first whose rank and size are set wins:
# a launcher inside an allocation (srun torchrun) knows more than the allocation.
_LAUNCHERS = (
    ("torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("mpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("mpi", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),
    ("mpi", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
)


def detect(
    environ: Mapping[str, str] | None = None, launch_id: Callable[[], str | None] | None = None
) -> JobPlace | None:
    """Read the place of this process from its environment.

    Args:
        environ: Variables; None takes the process's own.
        launch_id: Names this launch on a single host; None takes the parent process and its start time.

    Returns:
        The place, or None where no launcher of ranks is visible and ROOTSPAN_JOB_ID is not set: an ordinary
        program.
    """
    env = os.environ if environ is None else environ
    for launcher, rank_name, size_name, local_name in _LAUNCHERS:
        rank, size = _number(env, rank_name), _number(env, size_name)
        if rank is None or not size or rank >= size:
            continue
        local_rank = _number(env, local_name)
        job = _named_job(env)
        return JobPlace(
            job=job or _launched_job(env, size, launch_id or _parent_launch),
            named=job is not None,
            attempt=_attempt(env),
            rank=rank,
            world_size=size,
            local_rank=local_rank,
            launcher=_launcher(env, launcher),
            parallel=MappingProxyType(parallel_from(env.get("ROOTSPAN_PARALLEL", ""), rank, size)),
            scheduler=MappingProxyType(scheduled(env, local_rank)),
        )
    # A job of one process, which nobody launched, but somebody named.
    alone = env.get("ROOTSPAN_JOB_ID", "").strip()
    return JobPlace(job=alone, attempt=_attempt(env)) if alone else None


def parallel_from(text: str, rank: int, world_size: int) -> dict[str, tuple[int, int]]:
    """Coordinates from a layout such as `tp=2,pp=2,dp=4`, the axis that changes fastest first.

    Returns:
        Axis to (rank, size); empty where the text is empty, wrong, or its sizes do not multiply to the world.
    """
    sizes = re.findall(r"([a-z]+)=(\d+)", text)
    product, found = 1, {}
    for axis, digits in sizes:
        size = int(digits)
        if size < 1:
            return {}
        found[axis] = ((rank // product) % size, size)
        product *= size
    return {axis: found[axis] for axis in AXES if axis in found} if product == world_size else {}


def _named_job(env: Mapping[str, str]) -> str | None:
    for name in ("ROOTSPAN_JOB_ID", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "RAY_JOB_ID", "PMIX_NAMESPACE"):
        value = env.get(name, "").strip()
        if value.lower() not in _NOT_NAMED:
            return value
    return _kubernetes_job(env)


def _kubernetes_job(env: Mapping[str, str]) -> str | None:
    if "KUBERNETES_SERVICE_HOST" not in env:
        return None
    # Pods of an indexed Job are called <job>-<index>, those of Kubeflow's PyTorchJob <job>-worker-<index>.
    pod = env.get("POD_NAME") or env.get("HOSTNAME", "")
    name = re.sub(r"-(?:(?:master|worker|launcher|node)-)?\d+(?:-[a-z0-9]{5})?$", "", pod)
    return name or None


def _launched_job(env: Mapping[str, str], size: int, launch_id: Callable[[], str | None]) -> str:
    if _number(env, "LOCAL_WORLD_SIZE") == size:
        launched = launch_id()
        if launched is not None:
            return launched
    return f"{env.get('MASTER_ADDR', 'localhost')}:{env.get('MASTER_PORT', '0')}"


def _parent_launch() -> str | None:
    """Host, id and start time of the parent: what all ranks of one launch on one host share."""
    parent = os.getppid()
    try:
        started = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    return f"{socket.gethostname()}-{parent}-{started}"


def _attempt(env: Mapping[str, str]) -> int:
    given = _number(env, "ROOTSPAN_RUN_ATTEMPT")
    if given is not None:
        return given
    requeues = _number(env, "SLURM_RESTART_COUNT") or 0
    return requeues * _REQUEUE_STEP + (_number(env, "TORCHELASTIC_RESTART_COUNT") or 0)


def _launcher(env: Mapping[str, str], found: str) -> str:
    if found != "torchrun" or "TORCHELASTIC_RUN_ID" in env:
        return found
    if "RAY_JOB_ID" in env:
        return "ray"
    return "kubernetes" if "KUBERNETES_SERVICE_HOST" in env else found


def scheduled(env: Mapping[str, str], local_rank: int | None = None) -> dict[str, str | int]:
    """What Slurm and Kubernetes (by the downward API: POD_NAME, POD_NAMESPACE, NODE_NAME) say of a process.

    On Kubernetes the node is the host: a pod's own host name is the pod's.
    """
    names = {
        "SLURM_JOB_ID": semconv.SLURM_JOB_ID,
        "SLURM_JOB_NODELIST": semconv.SLURM_NODELIST,
        "SLURM_JOB_PARTITION": semconv.SLURM_PARTITION,
    }
    if "KUBERNETES_SERVICE_HOST" in env:
        names |= {
            "POD_NAMESPACE": semconv.K8S_NAMESPACE,
            "NODE_NAME": semconv.K8S_NODE_NAME,
            "POD_NAME" if env.get("POD_NAME") else "HOSTNAME": semconv.K8S_POD_NAME,
        }
    found: dict[str, str | int] = {name: env[key] for key, name in names.items() if env.get(key)}
    if semconv.K8S_NODE_NAME in found:
        found[semconv.HOST_NAME] = found[semconv.K8S_NODE_NAME]
    devices = env.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if local_rank is not None and local_rank < len(devices) and devices[local_rank].strip().isdigit():
        found[semconv.GPU_INDEX] = int(devices[local_rank])
    return found


def _number(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name, "").strip()
    return int(text) if text.isdigit() else None

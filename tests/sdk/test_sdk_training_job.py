"""A process finds its place in a job from what started it."""

from __future__ import annotations

import pytest

from rootspan.config.settings import load
from rootspan.instrument import resolve
from rootspan.resource.job import JobPlace, detect, parallel_from, scheduled
from rootspan.resource.process import build_resource

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}


def _place(**environ: str) -> JobPlace:
    found = detect(environ, launch_id=lambda: "host-77-123")
    assert found is not None
    return found


def test_an_ordinary_program_has_no_place() -> None:
    assert detect({}) is None
    assert detect({"RANK": "0"}) is None
    assert detect({"RANK": "x", "WORLD_SIZE": "4"}) is None
    assert detect({"RANK": "4", "WORLD_SIZE": "4"}) is None


@pytest.mark.parametrize(
    ("environ", "launcher", "job", "attempt"),
    [
        ({**TORCHRUN, "TORCHELASTIC_RUN_ID": "llm", "TORCHELASTIC_RESTART_COUNT": "2"}, "torchrun", "llm", 2),
        ({**TORCHRUN, "RAY_JOB_ID": "02000000"}, "ray", "02000000", 0),
        (
            {**TORCHRUN, "KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "bert-worker-1"},
            "kubernetes",
            "bert",
            0,
        ),
        (
            {
                "SLURM_PROCID": "5",
                "SLURM_NTASKS": "8",
                "SLURM_LOCALID": "1",
                "SLURM_JOB_ID": "4711",
                "SLURM_RESTART_COUNT": "1",
            },
            "slurm",
            "4711",
            1000,
        ),
        (
            {
                "OMPI_COMM_WORLD_RANK": "5",
                "OMPI_COMM_WORLD_SIZE": "8",
                "OMPI_COMM_WORLD_LOCAL_RANK": "1",
                "PMIX_NAMESPACE": "prterun-h-9@1",
            },
            "mpi",
            "prterun-h-9@1",
            0,
        ),
        ({"PMI_RANK": "5", "PMI_SIZE": "8", "MPI_LOCALRANKID": "1", "ROOTSPAN_JOB_ID": "a"}, "mpi", "a", 0),
    ],
)
def test_each_launcher_is_understood(environ: dict[str, str], launcher: str, job: str, attempt: int) -> None:
    place = _place(**environ)
    assert (place.launcher, place.job, place.attempt) == (launcher, job, attempt)
    assert (place.rank, place.world_size, place.local_rank, place.named) == (5, 8, 1, True)


def test_a_launcher_inside_an_allocation_knows_the_rank_and_the_allocation_the_job() -> None:
    slurm = {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_JOB_ID": "4711", "SLURM_JOB_PARTITION": "h100"}
    place = _place(**slurm, **TORCHRUN, TORCHELASTIC_RUN_ID="none")
    assert (place.rank, place.world_size, place.job) == (5, 8, "4711")
    assert place.resource()["slurm.partition"] == "h100"


def test_a_job_that_nobody_names_is_told_from_others_by_its_launch() -> None:
    on_one_host = _place(**{**TORCHRUN, "LOCAL_WORLD_SIZE": "8", "TORCHELASTIC_RUN_ID": "none"})
    assert (on_one_host.job, on_one_host.named) == ("host-77-123", False)
    on_several = _place(**TORCHRUN, MASTER_ADDR="n1", MASTER_PORT="29500")
    assert (on_several.job, on_several.named) == ("n1:29500", False)


def test_coordinates_follow_from_the_layout() -> None:
    place = _place(**TORCHRUN, ROOTSPAN_PARALLEL="tp=2,pp=2,dp=2")
    assert dict(place.parallel) == {"tp": (1, 2), "pp": (0, 2), "dp": (1, 2)}
    assert place.attributes()["training.tp_rank"] == 1
    assert place.attributes()["training.dp_size"] == 2


@pytest.mark.parametrize("layout", ["tp=3,dp=2", "tp=0,dp=8", "", "nonsense"])
def test_a_layout_that_does_not_fit_the_world_is_no_layout(layout: str) -> None:
    assert parallel_from(layout, 5, 8) == {}


def test_the_visible_devices_tell_the_gpu_of_a_rank() -> None:
    assert _place(**TORCHRUN, CUDA_VISIBLE_DEVICES="4,6").resource()["gpu.index"] == 6
    assert "gpu.index" not in _place(**TORCHRUN, CUDA_VISIBLE_DEVICES="GPU-aa,GPU-bb").resource()
    assert "gpu.index" not in _place(**TORCHRUN).resource()


def test_auto_means_torch_for_ranks_alone_and_gpus_when_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("pynvml")
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert not {"torch", "nvml"} & set(resolve("auto"))
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert {"torch", "nvml"} & set(resolve("auto")) == {"torch"}
    assert resolve(["nvml", "torch"]) == ("nvml", "torch")


def test_a_job_of_one_process_is_one_if_somebody_names_it() -> None:
    place = detect({"ROOTSPAN_JOB_ID": "finetune"})
    assert place is not None
    assert (place.job, place.rank, place.world_size, place.named) == ("finetune", 0, 1, True)


POD = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "POD_NAME": "ranker-6c9f7d8b5-x2x9q",
    "POD_NAMESPACE": "serving",
    "NODE_NAME": "gpu-17",
}


def test_any_process_in_a_pod_tells_its_pod_and_its_node_as_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in POD.items():
        monkeypatch.setenv(name, value)
    found = build_resource(load(service="ranker", environ={})).attributes
    assert (found["k8s.pod.name"], found["k8s.namespace.name"]) == ("ranker-6c9f7d8b5-x2x9q", "serving")
    assert found["host.name"] == found["k8s.node.name"] == "gpu-17"
    assert "training.job.id" not in found
    chosen = build_resource(load(service="ranker", resource={"host.name": "mine"}, environ={})).attributes
    assert chosen["host.name"] == "mine"


def test_these_variables_mean_nothing_outside_of_a_cluster() -> None:
    assert scheduled({name: POD[name] for name in POD if name != "KUBERNETES_SERVICE_HOST"}) == {}

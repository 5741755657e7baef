"""The manifests are what Kubernetes' schemas ask for, and run command lines that the program takes."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer.main
import yaml

from rootspan_agent.pressure import Pressure
from rootspan_cli.app import build_app
from rootspan_cli.processes.ports import free_port
from rootspan_collector.settings import CollectorSettings
from support.processes import wait_until

_FOLDER = Path(__file__).resolve().parents[2] / "docker" / "kubernetes"
_VERSIONS = ("1.31", "1.34")


def _manifests() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((_FOLDER / "base" / "kustomization.yaml").read_text())
    return [
        one
        for name in kustomization["resources"]
        for one in yaml.safe_load_all((_FOLDER / "base" / name).read_text())
    ]


def _containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in _manifests():
        for container in (
            one["spec"].get("template", {}).get("spec", {}).get("containers", []) if "spec" in one else []
        ):
            yield one["metadata"]["name"], container


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    found = _manifests()
    assert {one["kind"] for one in found} >= {
        "StatefulSet",
        "DaemonSet",
        "Deployment",
        "HorizontalPodAutoscaler",
    }
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize(
    ("name", "container"), list(_containers()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_each_container_runs_a_command_line_that_the_program_takes(
    name: str, container: dict[str, Any]
) -> None:
    known = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]
    command, *arguments = container["args"]
    if command not in known:
        pytest.skip(f"rootspan has no {command} yet")
    known[command].make_context(command, [str(one) for one in arguments])
    settings = {
        one["name"]
        for one in container["env"]
        if one["name"].startswith(("ROOTSPAN_COLLECTOR", "ROOTSPAN_WAL"))
    }
    assert settings <= {f"ROOTSPAN_{field.upper()}" for field in CollectorSettings.model_fields}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_services_and_budgets_select_what_is_there_and_kustomize_names_every_image() -> None:
    found = _manifests()
    labels = [
        one["spec"]["template"]["metadata"]["labels"] for one in found if "template" in one.get("spec", {})
    ]
    for one in found:
        selector = one.get("spec", {}).get("selector")
        if selector is not None:
            assert selector.get("matchLabels", selector) in labels, one["metadata"]["name"]
    images = yaml.safe_load((_FOLDER / "base" / "kustomization.yaml").read_text())["images"]
    assert {one["name"] for one in images} == {container["image"] for _, container in _containers()}


def test_a_collector_has_time_to_store_what_it_holds() -> None:
    (stateful,) = (one for one in _manifests() if one["kind"] == "StatefulSet")
    pod = stateful["spec"]["template"]["spec"]
    told = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert pod["terminationGracePeriodSeconds"] > float(told["ROOTSPAN_COLLECTOR_STOP_GRACE_S"])
    (claim,) = stateful["spec"]["volumeClaimTemplates"]
    volume_bytes = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    assert volume_bytes > 1.1 * int(told["ROOTSPAN_WAL_MAX_BYTES"])


def test_the_agent_may_read_what_it_is_told_to_of_its_node_and_change_nothing(tmp_path: Path) -> None:
    (pod,) = (one["spec"]["template"]["spec"] for one in _manifests() if one["kind"] == "DaemonSet")
    (agent,) = pod["containers"]
    mounts = {one["mountPath"]: one for one in agent["volumeMounts"]}
    of_host = {one["name"]: one["hostPath"]["path"] for one in pod["volumes"] if "hostPath" in one}
    read = [one for one in agent["args"] if one.startswith("/host/")]
    assert len(read) == 3
    for path in read:
        (mount,) = (one for where, one in mounts.items() if path.startswith(f"{where}/"))
        assert mount["readOnly"] is True
        # Patterns below the mount are those of the host's own folder.
        assert of_host[mount["name"]] in ("/var/log", "/sys/fs/cgroup")
    (pattern,) = (one for one in read if one.endswith("cpu.pressure"))
    # As the kubelet lays them out with systemd, and without; and what is no pod.
    pods = [
        "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234_ab.slice",
        "kubepods.slice/kubepods-podcafe.slice",
        "kubepods/besteffort/pod5678-cd",
    ]
    for name in (*pods, "system.slice/kubelet.service", f"{pods[0]}/cri-containerd-1.scope"):
        (tmp_path / "sys/fs/cgroup" / name).mkdir(parents=True)
        (tmp_path / "sys/fs/cgroup" / name / "cpu.pressure").write_text("some avg10=0.00 total=0\n")
    pressure = Pressure([pattern.replace("/host", str(tmp_path))])
    pressure.read()
    time.sleep(0.01)
    told = {path.removeprefix(f"{tmp_path}/sys/fs/cgroup/") for path in pressure.read()}
    assert {f"{name}/cpu.pressure" for name in pods} <= told
    assert not any("kubelet" in one or "scope" in one for one in told)


@pytest.mark.process
def test_the_collectors_container_starts_as_it_is_told_and_is_ready(tmp_path: Path) -> None:
    (container,) = (container for name, container in _containers() if name == "collector")
    http, folder = free_port(), tmp_path / "rootspan"
    folder.mkdir()
    (folder / "tenants.toml").write_text(f"[tenants.a]\ntoken_sha256 = [{'0' * 64!r}]\n")
    here = {
        "/etc/rootspan": str(folder),
        "/var/lib/rootspan": str(folder),
        "0.0.0.0:4317": "0.0.0.0:0",
        "0.0.0.0:4318": f"0.0.0.0:{http}",
    }
    arguments = container["args"]
    for path, replacement in here.items():
        arguments = [one.replace(path, replacement) for one in arguments]
    environment = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    process = subprocess.Popen(
        [sys.executable, "-m", "rootspan_cli", *arguments],
        env={**os.environ, **environment, "ROOTSPAN_STORE": "http://127.0.0.1:1/otel"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = container["readinessProbe"]["httpGet"]["path"]

    def is_ready() -> bool:
        assert process.poll() is None, "it ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        wait_until(is_ready, timeout_s=60, what="the readiness probe is green")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()

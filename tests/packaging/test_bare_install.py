"""`pip install rootspan` in an environment of its own: what it pulls, and what it says is missing."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootspan.testing import Receiver

ROOT = Path(__file__).resolve().parents[2]
BELOW_OPENTELEMETRY = {"googleapis-common-protos", "grpcio", "protobuf", "typing-extensions"}
EXTRA_OF = {
    "grpc": "grpc",
    "requests": "http",
    "httpx": "http",
    "redis": "redis",
    "torch": "torch",
    "nvml": "gpu",
    "structlog": "logs",
    "loguru": "logs",
}


@dataclass(frozen=True)
class Installed:
    """An environment that holds what `pip install rootspan` brings, and nothing of this one."""

    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        program, *arguments = command
        return subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """From the wheel and the package index; skipped where there is no index."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    here = Installed(folder)
    constraints = str(ROOT / "constraints.txt")
    done = here.run("pip", "--disable-pip-version-check", "install", "--quiet", "-c", constraints, str(wheel))
    if done.returncode and re.search(r"No matching distribution|NewConnectionError", done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return here


def test_it_pulls_opentelemetry_only(bare: Installed) -> None:
    listed = bare.run("pip", "--disable-pip-version-check", "list", "--format", "freeze").stdout.split()
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed} - {"pip", "setuptools"}
    assert "rootspan" in names
    others = {name for name in names - {"rootspan"} if not name.startswith("opentelemetry-")}
    assert others <= BELOW_OPENTELEMETRY


def test_it_traces_and_delivers(bare: Installed) -> None:
    with Receiver() as receiver:
        program = f"""
import rootspan

rootspan.init("ranker", {receiver.endpoint!r})

@rootspan.trace
def rank():
    return 1

@rootspan.infer(model="m")
def answer():
    with rootspan.span("inside"):
        return rank()

answer()
with rootspan.train_step(7), rootspan.phase("forward"):
    pass
"""
        done = bare.run("python", "-W", "error", "-c", program)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        names = {span.name for _, span in receiver.spans()}
    assert names == {"rank", "inference m", "inside", "train.step", "train.forward"}


def test_each_integration_names_the_extra_that_is_missing(bare: Installed) -> None:
    program = f"""
import rootspan

for name in {sorted(EXTRA_OF)!r}:
    try:
        rootspan.init("bare", "127.0.0.1:1", instrument=[name])
    except rootspan.MissingExtraError as err:
        print(name, err, sep="|")
"""
    done = bare.run("python", "-c", program)
    assert done.returncode == 0, done.stderr
    told = dict(line.split("|") for line in done.stdout.splitlines())
    for name, extra in EXTRA_OF.items():
        assert f"pip install 'rootspan[{extra}]'" in told[name]


def test_the_command_names_what_it_needs(bare: Installed) -> None:
    done = bare.run("rootspan", "why")
    assert done.returncode == 2
    assert "pip install 'rootspan[all]'" in done.stderr

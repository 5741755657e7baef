"""Every Python block of docs/training.md runs as it stands there, and every variable it names is read."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text()
BLOCKS = re.findall(r"^```python(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAMS = [code for kind, code in BLOCKS if not kind.strip()]
GPU = [code for kind, code in BLOCKS if kind.strip() == "gpu"]
JOBS = [code for kind, code in BLOCKS if kind.strip() == "torchrun"]
TRAINERS = [(kind.strip(), code) for kind, code in BLOCKS if kind.strip() in ("lightning", "transformers")]


def test_the_page_has_blocks_to_run() -> None:
    assert (len(PROGRAMS), len(JOBS), len(TRAINERS), len(GPU)) == (3, 1, 3, 1)
    assert len(PROGRAMS) + len(JOBS) + len(TRAINERS) + len(GPU) == len(BLOCKS)


@pytest.mark.parametrize("code", PROGRAMS, ids=lambda code: code.split("\n\n")[1][:25])
def test_a_snippet_runs_and_delivers_what_it_makes(
    receiver: Receiver,
    run_program: RunProgram,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    local = code.replace("send(found) ==", f'send(found, "{receiver.endpoint}") ==')
    done = run_program(local, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.endpoint}")
    assert done.code == 0, done.err
    assert {span.name for _, span in receiver.spans()} >= {"train.step"}


@pytest.mark.parametrize("code", GPU)
def test_gpus_are_told_where_there_are_any_and_else_it_is_said_once(
    receiver: Receiver, run_program: RunProgram, code: str
) -> None:
    pytest.importorskip("pynvml")
    listening = f"import logging\nlogging.basicConfig(level=logging.INFO)\n{code}"
    done = run_program(listening, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.endpoint}")
    assert done.code == 0, done.err
    told = any(metric.name.startswith("hw.") for _, metric in receiver.metrics())
    assert told or done.err.count("no GPU metrics") == 1


@pytest.mark.parametrize("code", JOBS)
def test_the_three_lines_run_under_torchrun(receiver: Receiver, tmp_path: Path, code: str) -> None:
    pytest.importorskip("torch")
    (tmp_path / "trainer.py").write_text(code)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, str(tmp_path / "trainer.py")],
        env={
            **_clean(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{receiver.endpoint}",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    traces: dict[bytes, set[tuple[object, str]]] = {}
    for _, span in receiver.spans():
        traces.setdefault(span.trace_id, set()).add((attributes_of(span)["training.rank"], span.name))
    joined = {(0, "train.join"), (1, "train.join")}
    assert [found for found in traces.values() if found & joined] == [joined]
    traces = {trace: found for trace, found in traces.items() if found != joined}
    names = ("step", "data", "forward", "backward", "optimizer", "collective")
    assert len(traces) == 8
    assert all(
        found == {(rank, f"train.{name}") for rank in (0, 1) for name in names} for found in traces.values()
    )


@pytest.mark.parametrize(("needs", "code"), TRAINERS, ids=("lightning", "transformers", "accelerate"))
def test_a_trainers_steps_are_told(receiver: Receiver, tmp_path: Path, needs: str, code: str) -> None:
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    (tmp_path / "trainer.py").write_text(code)
    endpoint = f"http://{receiver.endpoint}"
    done = subprocess.run(
        [sys.executable, "trainer.py"],  # the warnings of trainers are their own
        cwd=tmp_path,
        env={**_clean(), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rootspan" not in done.stderr
    steps = [attributes_of(span) for _, span in receiver.spans() if span.name == "train.step"]
    numbers = sorted(int(str(step["training.step"])) for step in steps)
    assert numbers == list(range(len(steps)))
    assert len(steps) == (4 if "max_steps=4" in code else 8)
    for step in steps:
        for phase in ("data", "forward", "backward", "optimizer"):
            assert f"training.phase.{phase}.seconds" in step, (phase, step)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROOTSPAN_"))}


def test_every_variable_the_page_names_is_read() -> None:
    source = "".join(path.read_text() for path in (ROOT / "sdk" / "rootspan").rglob("*.py"))
    named = set(re.findall(r"ROOTSPAN_[A-Z_]+", PAGE))
    assert len(named) == 6
    assert all(f'"{name}"' in source for name in named)

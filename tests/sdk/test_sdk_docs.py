"""Every Python block of docs/sdk.md runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rootspan.config.settings import load
from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
BLOCKS = re.findall(r"^```python(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAMS = [code for kind, code in BLOCKS if not kind.strip()]
TESTS = [code for kind, code in BLOCKS if kind.strip() == "test"]
CONNECTED = [code for kind, code in BLOCKS if kind.strip() == "connected"]
RAY = [code for kind, code in BLOCKS if kind.strip() == "ray"]


def test_the_page_has_blocks_to_run() -> None:
    assert len(PROGRAMS) >= 5
    assert (len(TESTS), len(CONNECTED), len(RAY)) == (2, 2, 1)
    assert len(PROGRAMS) + len(TESTS) + len(CONNECTED) + len(RAY) == len(BLOCKS)


@pytest.mark.parametrize(
    "code", PROGRAMS, ids=lambda code: code.split("rootspan.")[1].split("(")[0].strip()[:20]
)
def test_a_snippet_runs_and_delivers_all_it_makes(
    receiver: Receiver, run_program: RunProgram, code: str
) -> None:
    done = run_program(code, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.endpoint}")
    assert done.code == 0, done.err
    assert "rootspan, collector" not in done.err
    if "span(" in code or "@rootspan" in code:
        assert receiver.spans()
    if "logging" in code:
        assert receiver.logs()


@pytest.mark.parametrize("code", CONNECTED, ids=("grpc", "http"))
def test_a_client_and_its_server_are_one_trace(
    receiver: Receiver, run_program: RunProgram, code: str
) -> None:
    done = run_program(code, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.endpoint}", timeout_s=60)
    assert done.code == 0, done.err
    spans = [span for _, span in receiver.spans()]
    assert len({span.trace_id for span in spans}) == 1
    clients = [span for span in spans if span.kind == span.SPAN_KIND_CLIENT]
    servers = [span for span in spans if span.kind == span.SPAN_KIND_SERVER]
    assert {span.span_id for span in clients} == {span.parent_span_id for span in servers}
    assert len(clients) == (1 if "grpc" in code else 2)
    assert all("rootspan.peer.duration_ms" in attributes_of(span) for span in clients)


@pytest.mark.parametrize("code", RAY)
def test_a_task_of_ray_is_called_in_the_drivers_trace(receiver: Receiver, tmp_path: Path, code: str) -> None:
    pytest.importorskip("ray")
    (tmp_path / "driver.py").write_text(code)
    endpoint = f"http://{receiver.endpoint}"
    done = subprocess.run(
        [sys.executable, "driver.py"],  # its warnings are Ray's own
        cwd=tmp_path,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    spans = [span for _, span in receiver.spans()]
    (request,) = [span for span in spans if span.name == "request"]
    # What the worker made in its last moments may be lost; the driver's own may not.
    assert any("embed" in span.name and span.parent_span_id == request.span_id for span in spans)


@pytest.mark.parametrize("code", TESTS)
def test_a_test_snippet_passes(tmp_path: Path, code: str) -> None:
    (tmp_path / "test_snippet.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_every_variable_the_page_names_is_read() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)`", PAGE, re.MULTILINE))
    asked: set[str] = set()

    class Recording(dict[str, str]):
        def get(self, key: str, default: str | None = None) -> str:  # type: ignore[override]
            asked.add(key)
            return default or ""

    load(environ=Recording(OTEL_TRACES_SAMPLER="traceidratio"))
    # These are read by OpenTelemetry's resource and by the pipeline, not by the configuration.
    elsewhere = {"OTEL_RESOURCE_ATTRIBUTES", "OTEL_METRICS_EXEMPLAR_FILTER"}
    assert named - elsewhere - {name for name in named if name.endswith("_")} <= asked

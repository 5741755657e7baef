"""The documentation's site builds without a warning, and the tutorial does what it says."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.installation import UpProcess
from support.processes import wait_until

_ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_site_builds_with_warnings_as_errors_and_has_every_public_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=_ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for package, page in (
        ("rootspan", "sdk"),
        ("rootspan_analysis", "analysis"),
        ("rootspan_store", "store"),
    ):
        html = (tmp_path / "reference" / page / "index.html").read_text()
        names = __import__(package).__all__
        missing = [name for name in names if f'id="{package}.{name}"' not in html]
        assert not missing, "a public name without a docstring of its own is not shown"


@pytest.mark.process
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    blocks = _BLOCK.findall((_ROOT / "docs" / "tutorial.md").read_text("utf-8"))
    (program,) = (text for language, text in blocks if language == "python")
    commands = [
        shlex.split(line) for language, text in blocks if language == "bash" for line in text.splitlines()
    ]
    assert [one[1] for one in commands] == ["up", "sql", "why", "doctor", "demo"]
    up = UpProcess(tmp_path)
    with up.running():
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{up.collector}",
            "ROOTSPAN_STORE": up.store,
            "ROOTSPAN_COLLECTOR": up.collector,
        }

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, *arguments],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )

        (tmp_path / "service.py").write_text(program)
        run("service.py")
        # What `up` and `demo` do has tests of its own: tests/e2e, tests/cli.
        sql, why, doctor = ([*one[1:]] for one in commands[1:4])
        wanted = '{"SpanName": "forward", "n": 50}\n{"SpanName": "load features", "n": 50}\n'
        wait_until(
            lambda: run("-m", "rootspan_cli", *sql).stdout.startswith(wanted), timeout_s=60, what="rows"
        )
        assert '"not_enough_data"' in run("-m", "rootspan_cli", *why).stdout
        assert "balance" in run("-m", "rootspan_cli", *doctor).stdout

"""The documentation's site builds without a warning."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


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

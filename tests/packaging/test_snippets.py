"""Every fenced block of the documentation does what it says, against one running installation.

Commands run, or where they would go on for good their command line is parsed; configuration goes through its
own loader, SQL and Python to the real store and collector. What is left out is listed, with the reason.
docs/sdk.md and docs/training.md have tests of their own (tests/sdk).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from examples import run_all
from rootspan_analysis.watch.objectives import load_settings as load_watch
from rootspan_cli.app import build_app
from rootspan_cli.entry import main
from rootspan_collector.regions.residency import Residency
from rootspan_collector.senders.tenants import TenantsFile
from rootspan_store.client import connect
from rootspan_store.rules.file import load_rules
from support.installation import UpProcess
from support.processes import wait_until

pytestmark = pytest.mark.process
_ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_ELSEWHERE = {"docs/sdk.md", "docs/training.md"}
_SHOWN = {
    "text": "what a command prints; others run it",
    "mermaid": "a picture",
}
_SERVES = {
    "up": "the fixture of this file",
    "demo": "tests/e2e/test_demo.py",
    "collector": "tests/e2e, tests/collector",
    "agent": "tests/agent/test_agent_process.py",
    "watch": "tests/cli/test_cli_watch.py",
    "mcp": "tests/cli/test_cli_mcp.py",
}
"""Commands that go on until they are ended, or for minutes, and where they are run. Here they are parsed."""
_ENDS = ("--check", "--print-schema", "--once")
"""With one of these, they end."""
_NOT_RUN = {
    "python3 -m venv": "what CI does first; tests/packaging/test_packaging.py holds it to the letter",
    "torchrun": "a job of the reader's; tests/sdk/test_sdk_training_torchrun.py runs one",
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block."""

    page: str
    line: int
    language: str
    text: str

    def commands(self) -> list[str]:
        """Its lines that are typed, without prompts, comments, and what a filter makes of their output."""
        kept = [line.removeprefix("$ ") for line in self.text.splitlines() if line.strip()]
        return [shlex.join(shlex.split(line, comments=True)) for line in kept]


def _snippets() -> Iterator[Snippet]:
    pages = [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", _ROOT / "docker" / "README.md"]
    for path in [*pages, *sorted((_ROOT / "docs").rglob("*.md"))]:
        page = str(path.relative_to(_ROOT))
        text = path.read_text("utf-8")
        for found in _BLOCK.finditer(text) if page not in _ELSEWHERE else ():
            yield Snippet(page, text[: found.start()].count("\n") + 1, found["language"], found["text"])


def _of(*languages: str) -> list[Snippet]:
    return [one for one in SNIPPETS if one.language in languages]


def _name(one: Snippet) -> str:
    return f"{Path(one.page).stem}:{one.line}"


SNIPPETS = list(_snippets())


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    process = UpProcess(tmp_path_factory.mktemp("up"))
    with process.running():
        yield process


@pytest.fixture
def here(up: UpProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with the files that pages name, where all commands mean the installation."""
    for name, wanted in (("collector.toml", "rules"), ("watch.toml", "watch")):
        content = next(one.text for one in reversed(_of("toml")) if wanted in tomllib.loads(one.text))
        (tmp_path / name).write_text(content)
    (tmp_path / "rootspan-data").symlink_to(up.data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROOTSPAN_STORE", up.store)
    monkeypatch.setenv("ROOTSPAN_COLLECTOR", up.collector)
    monkeypatch.setenv("ROOTSPAN_RULES_KEY", "a key of thirty-two characters or more")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{up.collector}")
    return tmp_path


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    assert len(SNIPPETS) > 25
    assert {one.language for one in SNIPPETS} - _SHOWN.keys() == {"bash", "console", "python", "toml", "sql"}


def test_the_tutorial_does_what_it_says(up: UpProcess, here: Path) -> None:
    mine = [one for one in SNIPPETS if one.page == "docs/tutorial.md"]
    (program,) = (one.text for one in mine if one.language == "python")
    commands = [shlex.split(line) for one in mine if one.language == "bash" for line in one.commands()]
    assert [one[1] for one in commands] == ["up", "sql", "why", "doctor", "demo"]

    def run(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=True
        ).stdout

    (here / "service.py").write_text(program)
    run("service.py")
    # What `up` and `demo` do has tests of its own: tests/e2e, tests/cli.
    sql, why, doctor = ([*one[1:]] for one in commands[1:4])
    wanted = '{"SpanName": "forward", "n": 50}\n{"SpanName": "load features", "n": 50}\n'
    wait_until(lambda: run("-m", "rootspan_cli", *sql).startswith(wanted), timeout_s=60, what="rows")
    assert '"not_enough_data"' in run("-m", "rootspan_cli", *why)
    assert "balance" in run("-m", "rootspan_cli", *doctor)


@pytest.mark.parametrize("snippet", _of("toml"), ids=_name)
def test_a_file_is_one_that_its_reader_takes(snippet: Snippet, here: Path) -> None:
    path = here / "file.toml"
    path.write_text(snippet.text)
    tables = tomllib.loads(snippet.text).keys()
    if "tenants" in tables:
        TenantsFile(path)
    elif "stores" in tables:
        assert Residency.read(path).store_of
    elif "rules" in tables:
        assert load_rules(path).rules
    else:
        assert load_watch(path).objectives


@pytest.mark.parametrize("snippet", _of("sql"), ids=_name)
def test_a_statement_is_answered(snippet: Snippet, up: UpProcess) -> None:
    client = connect(up.store)
    client.query(snippet.text)
    client.close()


@pytest.mark.parametrize(
    "snippet", [one for one in _of("python") if one.page != "docs/tutorial.md"], ids=_name
)
def test_a_program_runs(snippet: Snippet, up: UpProcess, here: Path) -> None:
    program = snippet.text.replace("http://127.0.0.1:8123/otel", up.store)
    program = program.replace("http://127.0.0.1:4317", f"http://{up.collector}")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("snippet", _of("bash", "console"), ids=_name)
def test_a_command_does_what_it_is_asked_for(snippet: Snippet, up: UpProcess, here: Path) -> None:
    for line in snippet.commands():
        if not any(one in line for one in _NOT_RUN):
            _run(shlex.split(line), up, here)


def _run(words: list[str], up: UpProcess, here: Path) -> None:
    if "|" in words:
        words = words[: words.index("|")]
    match words:
        case ["rootspan", command, *arguments]:
            ends = command in ("collector", "watch") and any(one in arguments for one in _ENDS)
            if command in _SERVES and not ends:
                known = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]
                known[command].make_context(command, arguments)
            else:
                # 1 says that the answer is bad, such as of a fleet without a job; 2 that there is none.
                assert main([command, *arguments]) < 2, shlex.join(words)
        case ["pip", "install", wanted]:
            extras = set(wanted.partition("[")[2].removesuffix("]").split(","))
            project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
            assert extras <= project["optional-dependencies"].keys()
        case ["curl", url]:
            port = up.collector_http_port
            with urllib.request.urlopen(url.replace(":4318", f":{port}"), timeout=30) as answer:
                assert answer.status == 200
        case ["python", "-m", "examples.run_all", *arguments]:
            assert run_all.main([*arguments, "--list"]) == 0
        case _:
            raise AssertionError(f"nobody knows how to check `{shlex.join(words)}`; see the top of this file")

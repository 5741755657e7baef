"""The command line keeps its word: flags, environment names, exit statuses, one line for what is wrong."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from rootspan_cli.app import build_app
from rootspan_cli.commands import PANELS
from support.command import Run

COMMANDS = (
    "agent",
    "change",
    "collector",
    "cost",
    "dashboard",
    "demo",
    "doctor",
    "import",
    "mcp",
    "migrate",
    "quarantine",
    "replay",
    "retain",
    "sql",
    "store",
    "up",
    "watch",
    "why",
)
FLAGS = {
    "agent": {
        "--endpoint",
        "--file",
        "--journal",
        "--from",
        "--state",
        "--ca",
        "--token",
        "--host",
        "--once",
    },
    "change": {"--service", "--version", "--host", "--scope", "--text", "--author", "--at", "--collector"},
    "collector": {
        "--store",
        "--grpc",
        "--http",
        "--tenants",
        "--regions",
        "--insecure",
        "--wal",
        "--config",
        "--check",
    },
    "cost": {
        "--store",
        "--last",
        "--from",
        "--to",
        "--price",
        "--min-efficiency",
        "--region",
        "--check",
        "--json",
    },
    "dashboard": {"--store", "--port"},
    "demo": {"--fault", "--hosts", "--minutes", "--seed", "--no-ui", "--check", "--json"},
    "doctor": {"--store", "--collector", "--json"},
    "import": {"--job", "--attempt", "--rank", "--to", "--token"},
    "mcp": {"--store"},
    "migrate": {"--store", "--cluster", "--print"},
    "quarantine": {"--wal", "--collector", "--all", "--token", "--json"},
    "replay": {"--to", "--shift", "--rate"},
    "retain": {"--store", "--once", "--json"},
    "sql": {"--store"},
    "store": {"--data", "--http"},
    "up": {"--data", "--no-dashboard", "--no-watch", "--watch-config"},
    "watch": {"--store", "--config", "--webhook", "--alertmanager", "--every", "--once", "--json"},
    "why": {"--store", "--last", "--from", "--to", "--service", "--job", "--top", "--json"},
}
HEAVY = {
    "chdb",
    "clickhouse_connect",
    "grpc",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "streamlit",
    "uvicorn",
}


def parameters(command: str) -> Iterator[object]:
    group = typer.main.get_command(build_app())
    yield from group.commands[command].params  # type: ignore[attr-defined]


def test_all_commands_are_there_and_no_other() -> None:
    assert sorted(
        module.__name__.rpartition(".")[2].rstrip("_") for panel in PANELS.values() for module in panel
    ) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_the_flags_of_the_contract(command: str) -> None:
    known = {name for one in parameters(command) for name in (*one.opts, *one.secondary_opts)}  # type: ignore[attr-defined]
    assert known >= FLAGS[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_has_an_environment_name(command: str) -> None:
    for one in parameters(command):
        if one.name not in ("help", "context"):  # type: ignore[attr-defined]
            assert str(one.envvar).startswith("ROOTSPAN_"), one.name  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples_that_start_with_the_command(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.status == 0
    assert "Examples" in outcome.out
    assert f"rootspan {command}" in outcome.out.partition("Examples")[2]


def test_help_imports_no_part(tmp_path: Path) -> None:
    code = (
        "import sys; from rootspan_cli import entry; entry.main(['-h']); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert "Why is it slow or broken" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_version_is_the_distributions(run: Run) -> None:
    assert run("--version").out.startswith("rootspan 0.")


WRONG = (
    ("nonsense",),
    ("why", "--nonsense"),
    ("why", "--last", "soon"),
    ("why", "--last", "15m", "--from", "1h"),
    ("why", "--to", "1h"),
    ("why", "--top", "many"),
    ("why", "--store", "nowhere"),
    ("cost", "--min-efficiency", "70"),
    ("cost", "--price", "-1"),
    ("cost", "--last", "15m", "--from", "1h"),
    ("why", "--from", "10m", "--to", "20m"),
    ("sql", "SELECT 1", "--store", "http://127.0.0.1:1/otel"),
    ("migrate", "--cluster", "a'b", "--print"),
    ("demo", "--fault", "gremlins"),
    ("demo", "--hosts", "1"),
    ("up", "--collector-grpc", "4317"),
    ("up", "--store-http", "127.0.0.1:0"),
    ("replay", "/nonexistent"),
    ("replay", "--shift", "sideways", "/tmp"),
    ("collector", "--config", "/nonexistent.toml"),
    ("collector", "--grpc", "nowhere"),
    ("store", "--http", "192.0.2.1:8123"),
    ("dashboard", "--port", "99999999"),
    ("watch", "--config", "/nonexistent.toml"),
    ("watch", "--every", "0"),
    ("watch", "--webhook", "nowhere"),
    ("watch", "--once", "--store", "http://127.0.0.1:1/otel"),
    ("up", "--watch-config", "/nonexistent.toml"),
    ("change",),
    ("change", "deploy", "--scope", "leaf-3"),
    ("change", "deploy", "--at", "soon"),
)


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_use_is_one_clear_line_and_exit_status_2(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("rootspan")
    assert "Traceback" not in outcome.err


def test_a_flag_may_come_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTSPAN_STORE", "http://127.0.0.1:1/fromvariable")
    assert "127.0.0.1:1" in run("sql", "SELECT 1").err


def test_a_flag_for_the_window_wins_over_a_variable_for_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOTSPAN_LAST", "15m")
    monkeypatch.setenv("ROOTSPAN_STORE", "http://127.0.0.1:1/otel")
    assert "does not answer" in run("why", "--from", "2h", "--to", "1h").err
    monkeypatch.delenv("ROOTSPAN_LAST")
    monkeypatch.setenv("ROOTSPAN_FROM", "2h")
    assert "does not answer" in run("why", "--last", "15m").err


def test_a_password_is_never_shown(run: Run) -> None:
    outcome = run("sql", "SELECT 1", "--store", "http://me:secret@127.0.0.1:1/otel")
    assert outcome.status == 2
    assert "secret" not in outcome.err


@pytest.mark.parametrize(
    ("arguments", "extra", "missing"),
    [
        (("--help",), "all", "typer"),
        (("store",), "store", "chdb"),
        (("collector",), "collector", "grpc"),
        (("dashboard",), "dashboard", "streamlit"),
        (("demo",), "all", "numpy"),
        (("up",), "all", "chdb"),
        (("sql", "SELECT 1"), "client", "clickhouse_connect"),
        (("why",), "analysis", "pyarrow"),
        (("replay", "."), "demo", "numpy"),
    ],
)
def test_a_missing_package_is_answered_with_what_to_install(
    tmp_path: Path, arguments: tuple[str, ...], extra: str, missing: str
) -> None:
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from rootspan_cli.entry import main
sys.exit(main({list(arguments)!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert f"pip install 'rootspan[{extra}]'" in done.stderr
    assert missing in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m rootspan_cli migrate --print | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("CREATE")
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion_script(shell: str) -> None:
    environment = {**os.environ, "_ROOTSPAN_COMPLETE": f"source_{shell}"}
    done = subprocess.run(
        [sys.executable, "-c", "from rootspan_cli.entry import main; main([])"],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
        check=True,
    )
    assert "rootspan" in done.stdout

"""The container files hold together with the program, as far as that shows without a container engine."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml

from rootspan_cli.app import build_app
from rootspan_cli.entry import main

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_copies_what_exists_and_all_that_the_wheel_needs() -> None:
    copied = [
        rest.split()[:-1] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")
    ]
    names = {name for group in copied for name in group}
    assert all((ROOT / name).exists() for name in names)
    packages = re.findall(r'^    "(\w+)/rootspan\w*",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {*packages, "pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= names


def test_the_image_runs_rootspan_without_privileges() -> None:
    last_stage = instructions()[max(i for i, (word, _) in enumerate(instructions()) if word == "FROM") :]
    settings = dict(last_stage)
    assert settings["USER"] == "rootspan"
    assert json.loads(settings["ENTRYPOINT"]) == ["rootspan"]
    assert main(json.loads(settings["CMD"])) == 0


def test_every_instruction_is_one_that_exists() -> None:
    assert {word for word, _ in instructions()} <= {
        *("ARG", "FROM", "WORKDIR", "RUN", "COPY", "LABEL", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD")
    }


@pytest.mark.parametrize("service", ["store", "collector", "dashboard"])
def test_each_service_runs_a_command_line_that_the_program_takes(
    service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = COMPOSE["services"][service]["command"]
    assert command[0] == service
    assert main([service, "--help"]) == 0
    known = typer.main.get_command(build_app()).commands[service]  # type: ignore[attr-defined]
    known.make_context(service, [shlex.quote(one) for one in command[1:]])
    capsys.readouterr()


@pytest.mark.parametrize("service", ["store", "collector", "dashboard"])
def test_each_service_stops_no_sooner_than_the_program_needs(service: str) -> None:
    from rootspan_cli.processes.installation import Installation
    from rootspan_cli.processes.ports import Address

    here = Address("127.0.0.1", 1)
    parts = {part.name: part for part in Installation(Path("data"), here, here, here).parts()}
    grace = COMPOSE["services"][service].get("stop_grace_period", "10s")
    assert int(grace.removesuffix("s")) >= parts[service].stop_timeout_s


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for one in COMPOSE["services"].values() for port in one.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "ports" not in COMPOSE["services"]["store"]

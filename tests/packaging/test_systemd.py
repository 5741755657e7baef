"""What an operator installs is what the program understands: units, configuration, schema, tenants."""

from __future__ import annotations

import json
import shlex
import tomllib
from configparser import RawConfigParser
from pathlib import Path

import pytest
import typer.main

from rootspan_cli.app import build_app
from rootspan_collector.senders.tenants import TenantsFile
from rootspan_collector.settings import load_settings, settings_schema

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging" / "systemd"


def _unit(name: str) -> dict[str, str]:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / f"rootspan-{name}.service")
    return dict(parser["Service"])


@pytest.mark.parametrize("name", ["store", "collector"])
def test_a_unit_starts_a_command_that_exists_with_flags_that_it_has(name: str) -> None:
    service = _unit(name)
    for key in ("ExecStart", "ExecStartPre"):
        if key in service:
            program, command, *arguments = shlex.split(service[key])
            assert (Path(program).name, command) == ("rootspan", name)
            known = typer.main.get_command(build_app()).commands[name]  # type: ignore[attr-defined]
            known.make_context(name, arguments)


def test_the_collectors_unit_gives_it_the_time_that_it_takes_to_stop() -> None:
    assert int(_unit("collector")["TimeoutStopSec"]) > load_settings().collector_stop_grace_s


def test_the_example_configuration_is_right_and_the_published_schema_is_the_programs() -> None:
    settings = load_settings(**tomllib.loads((UNITS / "collector.toml").read_text()))
    assert settings.collector_wal == Path("/var/lib/rootspan/wal")
    published = json.loads((ROOT / "docs" / "collector.schema.json").read_text())
    # rootspan collector --print-schema > docs/collector.schema.json
    assert published == settings_schema()
    assert set(published["properties"]) == set(type(settings).model_fields)


def test_the_tenants_of_the_documentation_are_understood(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "collector.md").read_text()
    path = tmp_path / "tenants.toml"
    path.write_text(text.partition("```toml\n")[2].partition("```")[0])
    tenants = TenantsFile(path)
    assert tenants.identify("Bearer test").name == "search"
    assert tenants.identify(None, ["ads.example"]).name == "ads"

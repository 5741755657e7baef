"""The container files hold together with the program, as far as that shows without a container engine."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from rootspan_cli.app import build_app
from rootspan_cli.entry import main

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSES = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "docker").glob("compose*.yaml")}
COMPOSE = COMPOSES["compose"]
OURS = [
    pytest.param(one["command"], id=f"{stem}-{service}")
    for stem, compose in sorted(COMPOSES.items())
    for service, one in compose["services"].items()
    if one["image"] == "rootspan"
]


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


def stages() -> dict[str, list[tuple[str, str]]]:
    """Instructions of each stage by its name, in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions():
        if word == "FROM":
            name = rest.rpartition(" AS ")[2]
            found[name] = []
        elif found:
            found[name].append((word, rest))
    return found


def test_the_image_runs_rootspan_without_privileges() -> None:
    found = stages()
    assert list(found)[-1] == "all", "what is built without --target"
    assert json.loads(dict(found["runtime"])["ENTRYPOINT"]) == ["rootspan"]
    for name in ("collector", "agent", "dashboard", "all"):
        assert dict(found[name])["USER"] == "rootspan"
        assert main(json.loads(dict(found[name])["CMD"])) == 0
        source, *_ = re.findall(r"--from=(\S+)", dict(found[name])["COPY"])
        extras = re.findall(r"\.\[([\w,]+)\]", dict(found[source])["RUN"])
        assert set(extras[0].split(",")) <= set(_extras()), (
            "pip knows no error for an extra that is not there"
        )


def _extras() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2]
    return re.findall(r"^(\w+) = \[", text.partition("[project.scripts]")[0], re.MULTILINE)


def test_every_instruction_is_one_that_exists() -> None:
    assert {word for word, _ in instructions()} <= {
        *("ARG", "FROM", "WORKDIR", "RUN", "COPY", "LABEL", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD")
    }


@pytest.mark.parametrize("command", OURS)
def test_each_service_runs_a_command_line_that_the_program_takes(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command[0], "--help"]) == 0
    known = typer.main.get_command(build_app()).commands[command[0]]  # type: ignore[attr-defined]
    known.make_context(command[0], [shlex.quote(one) for one in command[1:]])
    capsys.readouterr()


@pytest.mark.parametrize("service", ["store", "collector", "dashboard"])
def test_each_service_stops_no_sooner_than_the_program_needs(service: str) -> None:
    from rootspan_cli.processes.installation import Installation
    from rootspan_cli.processes.ports import Address

    here = Address("127.0.0.1", 1)
    parts = {part.name: part for part in Installation(Path("data"), here, here, here).parts()}
    grace = COMPOSE["services"][service].get("stop_grace_period", "10s")
    assert int(grace.removesuffix("s")) >= parts[service].stop_timeout_s


@pytest.mark.parametrize("stem", sorted(COMPOSES))
def test_nothing_is_published_beyond_this_machine(stem: str) -> None:
    services = COMPOSES[stem]["services"]
    published = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert set(published) in ({"collector", "dashboard"}, {"balancer", "dashboard"})


@pytest.mark.parametrize("stem", sorted(COMPOSES))
def test_what_is_mounted_or_waited_for_is_there(stem: str) -> None:
    compose = COMPOSES[stem]
    for name, one in compose["services"].items():
        for source in (volume.partition(":")[0] for volume in one.get("volumes", [])):
            assert source in compose["volumes"] or (ROOT / "docker" / source).is_file(), (name, source)
        assert set(one.get("depends_on", [])) <= set(compose["services"])


def test_each_collector_has_a_log_of_its_own() -> None:
    for stem in ("compose.server", "compose.cluster"):
        logs = [one["volumes"][0] for name, one in COMPOSES[stem]["services"].items() if "collector" in name]
        assert len(set(logs)) == len(logs) == 2


@pytest.mark.parametrize(("file", "known"), [("collectors", "collector-"), ("clickhouse", "clickhouse-")])
def test_balancers_know_every_one_behind_them(file: str, known: str) -> None:
    text = (ROOT / "docker" / "balancer" / f"{file}.conf").read_text()
    behind = {name for name in COMPOSES["compose.cluster"]["services"] if name.startswith(known)}
    assert set(re.findall(r"^\s+server ([\w-]+):\d+", text, re.MULTILINE)) == behind


def test_the_clusters_configuration_is_one_that_clickhouse_reads(tmp_path: Path) -> None:
    """The engine itself reads cluster.xml and users.xml; only the hosts' names are this machine's."""
    folder = ROOT / "docker" / "clickhouse"
    text = (folder / "cluster.xml").read_text()
    hosts = re.findall(r"<host>(clickhouse-\w+)</host>", text)
    assert hosts == [
        name for name in COMPOSES["compose.cluster"]["services"] if name.startswith("clickhouse")
    ]
    config = re.sub(r"<host>[\w-]+</host>", "<host>127.0.0.1</host>", text)
    config = re.sub(r"<(zookeeper|distributed_ddl)>.*?</\1>", "", config, flags=re.DOTALL)
    users = (folder / "users.xml").read_text().partition("<clickhouse>")[2].rpartition("</clickhouse>")[0]
    more = (
        "<users><default><password/><profile>default</profile><networks><ip>::/0</ip></networks></default>"
        "</users><quotas><default/></quotas>"
    )
    (tmp_path / "users.xml").write_text(f"<clickhouse>{users}{more}</clickhouse>")
    added = f"<users_config>{tmp_path / 'users.xml'}</users_config></clickhouse>"
    (tmp_path / "config.xml").write_text(config.replace("</clickhouse>", added))
    program = (
        "import sys, os; from chdb import session\n"
        "s = session.Session(sys.argv[1])\n"
        "q = lambda text: print(str(s.query(text, 'TSV')).strip(), flush=True)\n"
        "q(\"SELECT shard_num, groupArray(replica_num) FROM system.clusters WHERE cluster = 'main' \"\n"
        "  'GROUP BY 1 ORDER BY 1')\n"
        "q(\"SELECT getMacro('shard'), getMacro('replica'), getSetting('distributed_product_mode')\")\n"
        "os._exit(0)\n"
    )
    environment = {**os.environ, "SHARD": "2", "REPLICA": "b", "CLUSTER_SECRET": "secret"}
    dsn = f"{tmp_path / 'data'}?config-file={tmp_path / 'config.xml'}"
    done = subprocess.run(
        [sys.executable, "-c", program, dsn],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines() == ["1\t[1,2]", "2\t[1,2]", "2\tb\tglobal"], done.stderr[-2000:]

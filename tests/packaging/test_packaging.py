"""What is shipped: everything a part needs, and a base install that carries the SDK alone."""

import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "rootspan",
    "rootspan_agent",
    "rootspan_analysis",
    "rootspan_cli",
    "rootspan_collector",
    "rootspan_dashboard",
    "rootspan_demo",
    "rootspan_store",
)
PARTS_ONLY = (
    "chdb",
    "streamlit",
    "pandas",
    "uvicorn",
    "starlette",
    "typer",
    "clickhouse_connect",
    "pyarrow",
)
ABSENT = (*PARTS_ONLY, "numpy", "grpc_health", "grpc_reflection")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built by pip with what is installed here: needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    flags = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    command = [sys.executable, "-m", "pip", "wheel", *flags, str(ROOT)]
    subprocess.run(command, check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_every_package_is_in_the_wheel_and_typed(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    tops = {name.partition("/")[0] for name in names}
    assert tops - set(PACKAGES) == {top for top in tops if top.endswith(".dist-info")}


def test_every_file_that_a_part_reads_at_run_time_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package in PACKAGES:
        (source,) = (folder for folder in ROOT.glob(f"*/{package}") if folder.is_dir())
        shipped = {
            f"{package}/{path.relative_to(source).as_posix()}"
            for path in source.rglob("*")
            if path.is_file() and path.suffix not in (".pyc", ".pyo")
        }
        assert shipped <= names, sorted(shipped - names)
    for suffix in (".sql", ".proto", ".toml"):
        assert any(name.endswith(suffix) for name in names), suffix


def test_the_licence_and_the_command_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    licence = wheel.read(f"{info}/licenses/LICENSE").decode()
    assert "Apache License" in licence
    assert "rootspan = rootspan_cli.entry:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in wheel.read(f"{info}/METADATA").decode()


def closure(names: set[str]) -> set[str]:
    """These distributions and all that they require, without extras, as installed here."""
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        for requirement in requires(name) or []:
            if "extra ==" not in requirement:
                queue.append(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower())
    return found


def test_the_base_install_requires_nothing_of_the_parts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = {re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in project["dependencies"]}
    assert all(name.startswith("opentelemetry-") for name in base)
    heavy = {name.replace("_", "-") for name in PARTS_ONLY} | {
        "numpy",
        "grpcio-health-checking",
        "protobuf-upb",
    }
    assert not closure(base) & heavy


def test_the_sdk_imports_without_the_parts() -> None:
    """With every package of the parts made unfindable, the SDK works and none of them was asked for."""
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import rootspan
with rootspan.span("alone"):
    pass
print(*(name for name in sys.modules if name.startswith("rootspan_")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_each_extra_of_the_sdk_is_named_by_the_error_where_it_is_missing() -> None:
    """With all that the extras bring made unfindable, as after a bare `pip install rootspan`."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    code = """
import importlib, sys
from rootspan.instrument import KNOWN
missing = {module.partition(".")[0] for one in KNOWN.values() for module in one.modules} - {"opentelemetry"}
trainers = ("lightning", "transformers")
missing |= {"pytorch_lightning", *trainers}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing or name.startswith("opentelemetry.instrumentation"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import rootspan
for name, one in KNOWN.items():
    if one.modules:
        try:
            rootspan.init("bare", instrument=[name])
        except rootspan.MissingExtraError as err:
            assert f"pip install 'rootspan[{err.extra}]'" in str(err), err
            print(err.extra)
for name in trainers:
    try:
        importlib.import_module(f"rootspan.training.{name}")
    except rootspan.MissingExtraError as err:
        assert f"pip install 'rootspan[{err.extra}]'" in str(err), err
        print(err.extra)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    named = set(done.stdout.split())
    assert {"grpc", "http", "logs", "gpu", "torch", "lightning", "transformers"} <= named
    assert named <= set(extras)


def test_constraints_pin_every_requirement_of_dev_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", pin) for pin in pins)
    pinned = {pin.partition("==")[0].lower().replace("_", "-").replace(".", "-") for pin in pins}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted, known = ["dev"], {"dev"}
    while wanted:
        for requirement in extras[wanted.pop()]:
            name, *inner = re.split(r"[\[\]<>=~!;, ]+", requirement.strip("]"))
            if name == "rootspan":
                wanted += set(inner) - known
                known |= set(inner)
            else:
                assert name.lower().replace("_", "-").replace(".", "-") in pinned, requirement
    # dev names its own torch; the other is too heavy for CI.
    assert set(extras) - known == {"torch", "transformers"}


def test_ci_runs_the_readmes_test_command_to_the_letter() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    command = ci.rstrip().splitlines()[-1]
    assert command.endswith("-m pytest")
    for document in ("README.md", "CONTRIBUTING.md"):
        assert command in (ROOT / document).read_text(), document
    assert shlex.split(command)

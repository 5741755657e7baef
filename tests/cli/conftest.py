"""A command line in this process, and one real installation for all tests that need one."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootspan_cli.entry import main
from support.installation import UpProcess

Run = Callable[..., "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Mapping[str, object]:
        content: Mapping[str, object] = json.loads(self.out)
        return content


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def run_it(*arguments: str) -> Outcome:
        capsys.readouterr()
        status = main(arguments)
        said = capsys.readouterr()
        return Outcome(status, said.out, said.err)

    return run_it


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """`rootspan up --no-dashboard` with nothing in it. Tests add to it, and never count on it being empty."""
    up = UpProcess(Path(tmp_path_factory.mktemp("up")))
    with up.running():
        yield up

"""A command line in this process, and one real installation for all tests that need one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rootspan_cli.entry import main
from support.command import Outcome, Run
from support.installation import UpProcess


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

"""Files that grow, are renamed, emptied and deleted: each line is read once, in order."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from rootspan_agent.errors import SettingsError, StateError
from rootspan_agent.files import Pattern
from rootspan_agent.positions import Plan, Positions
from rootspan_agent.settings import AgentSettings
from rootspan_agent.tails import Tails


class Reader:
    """Tails and positions as the agent uses them; what is read counts as delivered at once."""

    def __init__(self, folder: Path, *patterns: str) -> None:
        self._folder, self._patterns = folder, [Pattern(one) for one in patterns]
        self.lines: list[str] = []
        self.open()

    def open(self) -> None:
        self.positions = Positions(self._folder)
        self.tails = Tails(self._patterns, self.positions)
        if self.positions.is_new:
            self.positions.remember(self.tails.scan())

    def close(self) -> None:
        self.tails.close()
        self.positions.close()

    def restart(self) -> None:
        self.close()
        self.open()

    def read(self, limit: int = 1 << 20) -> int:
        """Read what is there. Returns how many lines came."""
        self.tails.scan()
        before = len(self.lines)
        while True:
            chunks, rotated = self.tails.read(limit)
            if rotated:
                self.tails.scan()
            if not chunks:
                return len(self.lines) - before
            plan = Plan(1, 1, tuple(one.slice for one in chunks))
            self.positions.begin(plan)
            for chunk in chunks:
                self.lines += chunk.data.decode().splitlines()
            self.positions.commit(plan)
            self.tails.advance(plan)


def _write(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as stream:
        stream.write("".join(f"{line}{end}" for line in lines))


def test_only_complete_lines_are_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    _write(log, "one")
    _write(log, "tw", end="")
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log")
    assert reader.read() == 1
    _write(log, "o")
    reader.read()
    assert reader.lines == ["one", "two"]


def test_positions_hold_over_restarts(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log")
    for number in range(10):
        _write(log, f"line {number}")
        reader.read()
        reader.restart()
    assert reader.lines == [f"line {number}" for number in range(10)]


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_rotated_file_is_read_to_its_end_and_never_twice(
    tmp_path: Path, pattern: str, restarts: bool
) -> None:
    log = tmp_path / "app.log"
    reader = Reader(tmp_path / "state", f"{tmp_path}/{pattern}")
    written = []
    for turn in range(4):
        for number in range(3):
            written.append(f"{turn}.{number}")
            _write(log, written[-1])
            if number == 1:
                reader.read()
        if restarts:
            reader.close()
        for old in range(3, 0, -1):
            name = tmp_path / f"app.log.{old}"
            if name.exists():
                name.rename(tmp_path / f"app.log.{old + 1}")
        log.rename(tmp_path / "app.log.1")
        written.append(f"{turn}.late")
        _write(tmp_path / "app.log.1", written[-1])  # by a program that has not noticed yet
        if restarts:
            reader.open()
        reader.read()
    assert sorted(reader.lines) == sorted(written)


def test_a_file_that_is_emptied_in_place_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log")
    _write(log, "before 1", "before 2")
    reader.read()
    os.truncate(log, 0)
    _write(log, "after")
    reader.read()
    os.truncate(log, 0)
    _write(log, "again, and longer than what was there before, so that its length tells nothing")
    reader.read()
    assert [one[:5] for one in reader.lines] == ["befor", "befor", "after", "again"]


def test_a_deleted_file_that_is_open_is_read_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log")
    _write(log, "one")
    reader.read()
    with log.open("a") as stream:
        log.unlink()
        stream.write("two\n")
        stream.flush()
        reader.read()
    assert reader.lines == ["one", "two"]


def test_a_line_longer_than_a_batch_comes_in_pieces(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log")
    _write(log, "x" * 5000, "y")
    reader.read(limit=2000)
    assert "".join(reader.lines) == "x" * 5000 + "y"


def test_a_busy_file_does_not_keep_others_waiting(tmp_path: Path) -> None:
    for name in "abc":
        _write(tmp_path / f"{name}.log", *(f"{name}{number}" for number in range(2000)))
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log")
    seen = set()
    for _ in range(3):
        chunks, _ = reader.tails.read(1000)
        plan = Plan(1, 1, tuple(one.slice for one in chunks))
        reader.tails.advance(plan)
        seen |= {chunk.data[:1] for chunk in chunks}
    assert seen == {b"a", b"b", b"c"}


def test_the_part_of_a_path_that_is_a_host_is_told(tmp_path: Path) -> None:
    for host in ("gpu-1", "gpu-2"):
        (tmp_path / "nodes" / host).mkdir(parents=True)
        _write(tmp_path / "nodes" / host / "kern.log", "x")
    _write(tmp_path / "node-gpu-3.log", "x")
    assert set(Pattern(f"{tmp_path}/nodes/{{host}}/*.log").find().values()) == {"gpu-1", "gpu-2"}
    assert set(Pattern(f"{tmp_path}/**/{{host}}/kern.log").find().values()) == {"gpu-1", "gpu-2"}
    assert set(Pattern(f"{tmp_path}/node-{{host}}.log").find().values()) == {"gpu-3"}
    assert set(Pattern(f"{tmp_path}/*.log").find().values()) == {""}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_files_each_line_is_read_once(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    logs = [tmp_path / f"{name}.log" for name in "abc"]
    reader = Reader(tmp_path / "state", f"{tmp_path}/*.log*")
    written, turn = [], 0
    for number in range(300):
        log = choose.choice(logs)
        what = choose.random()
        if what < 0.75:
            written.append(f"{log.name} {number}")
            _write(log, written[-1])
        elif what < 0.85:
            reader.read(limit=choose.choice([64, 4096]))
        elif what < 0.93 and log.exists():
            turn += 1
            log.rename(tmp_path / f"{log.name}.{turn}")
        else:
            reader.restart()
    reader.read()
    assert sorted(reader.lines) == sorted(written)
    for log in logs:
        mine = [line for line in reader.lines if line.startswith(log.name)]
        assert len(mine) == len(set(mine))


def test_two_agents_cannot_share_a_state_folder(tmp_path: Path) -> None:
    first = Positions(tmp_path)
    with pytest.raises(StateError, match="in use"):
        Positions(tmp_path)
    first.close()
    Positions(tmp_path).close()


def test_a_damaged_state_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "positions.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match="damaged"):
        Positions(tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"files": ("logs/*.log",)}, "absolute"),
        ({"files": ("/a/{host}/{host}",)}, "more than once"),
        ({"files": ("/a",), "batch_bytes": 1}, "batch_bytes is 1"),
        ({"journal": False, "gpus": False}, "nothing to read"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        AgentSettings(state=tmp_path, **given)  # type: ignore[arg-type]

"""Who waits for a processor: shares of time out of the kernel's totals, by cgroup."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rootspan_agent.pressure import Pressure


def write(folder: Path, name: str, total_us: int) -> Path:
    path = folder / name / "cpu.pressure"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"some avg10=0.00 avg60=0.00 avg300=0.00 total={total_us}\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=77\n"
    )
    return path


def test_the_share_of_the_time_between_two_reads_is_told_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    quiet, loud = write(tmp_path, "quiet", 1_000), write(tmp_path, "loud", 5_000)
    pressure = Pressure([f"{tmp_path}/*/cpu.pressure"])
    assert pressure.works()
    assert pressure.read() == {}, "a first look has nothing to compare with"
    now = 102.0
    write(tmp_path, "loud", 5_000 + 1_500_000)
    assert pressure.read() == {str(quiet): 0.0, str(loud): 0.75}
    now = 104.0
    write(tmp_path, "loud", 0)  # another cgroup of that name
    new = write(tmp_path, "new", 9)
    assert pressure.read() == {str(quiet): 0.0, str(loud): 0.0}
    now = 105.0
    write(tmp_path, "new", 10_000_009)
    assert pressure.read()[str(new)] == 1.0


def test_what_is_not_there_or_holds_nothing_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    pressure = Pressure([f"{tmp_path}/empty", f"{tmp_path}/missing/*", "/proc/pressure/nothing"])
    assert not pressure.works()
    assert pressure.read() == {}

"""The quarantines in a collector's log folder: its own, its workers', and those of its regions' stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.shelf import find, kept_in
from rootspan_collector.wal.segment import SegmentHeader
from rootspan_store.ingest import Signal

PLACES = ("", "regions/eu", "workers/1", "workers/12/regions/eu")


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    for number, place in enumerate(PLACES):
        header = SegmentHeader(Signal.LOGS, f"{number:016x}", 7, 0, 0, b"\x00marker\x00")
        (tmp_path / place / "quarantine").mkdir(parents=True)
        Quarantine(tmp_path / place / "quarantine").request(header, 3, b"x", 10 + number, "for a reason")
    return tmp_path


def test_all_are_looked_into_in_the_order_of_names(wal: Path) -> None:
    found = list(kept_in(wal))
    assert [one.items for one in found] == [10, 11, 12, 13]
    assert [one.name for one in found] == sorted(one.name for one in found)
    assert {one.payload() for one in found} == {b"x"}


def test_what_a_worker_set_aside_is_found_by_its_name(wal: Path) -> None:
    last = list(kept_in(wal))[-1]
    assert find(wal, [last.name]) == [last]
    assert "workers/12/regions/eu/quarantine" in str(last.path)
    with pytest.raises(ConfigurationError, match="nothing is called 'none'"):
        find(wal, ["none"])


def test_a_folder_that_is_no_log_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no log folder"):
        list(kept_in(tmp_path))

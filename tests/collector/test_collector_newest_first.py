"""Segments taken newest first: the order, the account, and what a failing disk or a crash leaves."""

from __future__ import annotations

from typing import Any

import pytest
from wal_bench import WalBench

from rootspan_collector.ledger import Counts
from rootspan_collector.wal import outgoing
from rootspan_collector.wal.log import SignalLog
from rootspan_collector.wal.segment import Segment


def _filled(wal: WalBench) -> SignalLog:
    """Five segments of one request each."""
    log = wal.open(segment_bytes=300)
    for number in range(5):
        log.append(b"%d" % number * 300, 1)
    return log


def _take(log: SignalLog) -> Segment:
    found = log.next_segment(max_age_s=60, timeout_s=0, newest_first=True)
    assert found is not None
    return found


def test_the_newest_is_taken_and_files_go_when_their_turn_comes(wal: WalBench) -> None:
    log = _filled(wal)
    oldest = log.next_segment(max_age_s=60, timeout_s=0)
    assert oldest is not None
    sequence = []
    for _ in range(4):
        segment = _take(log)
        sequence.append(segment.header.seq - oldest.header.seq)
        assert log.settle(segment, stored=1, quarantined=0) == []
        assert segment.path.exists()
    assert sequence == [4, 3, 2, 1]
    assert log.ledger.counts() == Counts(accepted=5, stored=4, pending=1)
    assert _take(log).header.seq == oldest.header.seq
    gone = log.settle(oldest, stored=0, quarantined=1)
    assert [one.header.seq - oldest.header.seq for one in gone] == [0, 1, 2, 3, 4]
    assert log.ledger.counts() == Counts(accepted=5, stored=4, quarantined=1)
    assert not any(one.path.exists() for one in gone)
    assert log.next_segment(max_age_s=60, timeout_s=0, newest_first=True) is None
    with pytest.raises(ValueError, match="is not waiting"):
        log.settle(oldest, stored=1, quarantined=0)


def test_what_came_in_meanwhile_is_newest_once_it_is_old_enough(wal: WalBench) -> None:
    log = _filled(wal)
    log.append(b"just now", 1)
    before = _take(log)
    newest = log.next_segment(max_age_s=0, timeout_s=0, newest_first=True)
    assert newest is not None
    assert newest.header.seq == before.header.seq + 1


def test_a_nearly_full_log_goes_oldest_first(wal: WalBench) -> None:
    log = _filled(wal)
    wal.budget.adopt(wal.budget.limit_bytes)
    assert _take(log).header.seq == 1
    wal.budget.release(wal.budget.limit_bytes)
    assert _take(log).header.seq == 5


def test_after_a_crash_what_went_out_of_turn_is_taken_again(wal: WalBench) -> None:
    log = _filled(wal)
    log.settle(_take(log), stored=1, quarantined=0)
    again = wal.open(segment_bytes=300)
    assert again.ledger.counts() == Counts(accepted=5, pending=5)
    assert len(wal.payloads(again)) == 5


def test_a_disk_that_fails_in_the_middle_loses_no_turn(
    wal: WalBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _filled(wal)
    for _ in range(4):
        log.settle(_take(log), stored=1, quarantined=0)
    saved = outgoing.save_progress
    calls = 0

    def failing(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(28, "no space left")
        saved(*arguments)

    monkeypatch.setattr(outgoing, "save_progress", failing)
    with pytest.raises(OSError, match="no space"):
        log.settle(_take(log), stored=1, quarantined=0)
    # The third is dealt with and still there: it comes once more, and takes the rest along.
    assert len(log.settle(_take(log), stored=1, quarantined=0)) == 3
    assert log.ledger.counts() == Counts(accepted=5, stored=5)
    assert log.next_segment(max_age_s=60, timeout_s=0) is None

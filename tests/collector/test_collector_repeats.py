"""A request that is sent again is acknowledged again and stored once."""

from __future__ import annotations

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wal_bench import WalBench

from rootspan_collector.errors import LogFull, LogUnavailable
from rootspan_collector.ledger import Counts
from rootspan_collector.wal.recent import RecentFile, RecentRequests, digests_in
from rootspan_store.ingest import Signal


def test_the_same_bytes_sent_again_are_acknowledged_counted_and_not_written(wal: WalBench) -> None:
    log = wal.open()
    assert log.append(b"once", 3) is True
    assert log.append(b"once", 3) is False
    assert log.append(b"other", 2) is True
    assert log.ledger.counts() == Counts(accepted=5, pending=5, repeated=3)
    used_bytes = wal.budget.used_bytes
    log.append(b"once", 3)
    assert wal.budget.used_bytes == used_bytes
    assert wal.payloads(log) == [b"once", b"other"]


def test_a_request_is_known_when_its_segment_is_stored_and_gone(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"once", 1)
    assert wal.payloads(log) == [b"once"]
    assert log.append(b"once", 1) is False


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_request_is_known_after_a_crash(wal: WalBench, is_stored: bool) -> None:
    log = wal.open()
    log.append(b"once", 1)
    if is_stored:
        wal.payloads(log)
    reopened = wal.open()
    assert reopened.append(b"once", 1) is False
    assert reopened.append(b"new", 1) is True
    assert wal.payloads(reopened) == ([b"new"] if is_stored else [b"once", b"new"])


def test_copies_that_wait_for_the_same_fsync_share_its_outcome(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    wal.disk.gate.clear()
    wal.disk.syncing.clear()
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(log.append, b"same", 1)
        assert wal.disk.syncing.wait(5)
        copies = [pool.submit(log.append, b"same", 1) for _ in range(5)]
        threading.Event().wait(0.05)
        assert not any(copy.done() for copy in copies)  # none is acknowledged before the first is durable
        wal.disk.gate.set()
        assert [one.result(5) for one in (first, *copies)].count(True) == 1
    assert wal.payloads(log) == [b"opens the segment", b"same"]


def test_a_copy_of_a_refused_request_is_written(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    wal.disk.fail_sync = OSError(errno.EIO, "gone")
    with pytest.raises(LogUnavailable):
        log.append(b"same", 1)
    wal.disk.fail_sync = None
    assert log.append(b"same", 1) is True
    assert log.append(b"same", 1) is False
    assert wal.payloads(wal.open()) == [b"opens the segment", b"same"]


def test_a_copy_that_waits_for_one_that_gets_refused_is_refused_too_or_written(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    wal.disk.gate.clear()
    wal.disk.syncing.clear()
    wal.disk.fail_sync = OSError(errno.EIO, "gone")
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(log.append, b"same", 1) for _ in range(3)]
        assert wal.disk.syncing.wait(5)
        wal.disk.gate.set()
        assert all(isinstance(one.exception(5), LogUnavailable) for one in asked)
    assert wal.payloads(wal.open()) == [b"opens the segment"]


def test_a_full_log_still_acknowledges_what_it_has(wal: WalBench) -> None:
    log = wal.open(limit_bytes=4096)
    log.append(b"x" * 3000, 1)
    assert log.append(b"x" * 3000, 1) is False
    with pytest.raises(LogFull):
        log.append(b"y" * 3000, 1)


def test_a_request_behind_the_end_of_a_segment_was_refused_and_is_not_known(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"before", 1)
    wal.disk.fail_sync = OSError(errno.EIO, "gone")
    wal.disk.fail_truncate = OSError(errno.EIO, "gone too")
    with pytest.raises(LogUnavailable):
        log.append(b"refused", 1)
    wal.disk.fail_sync = wal.disk.fail_truncate = None
    log.append(b"after", 1)
    reopened = wal.open()
    assert reopened.append(b"refused", 1) is True
    assert wal.payloads(reopened) == [b"before", b"after", b"refused"]


def test_the_window_is_bounded_in_time_and_number() -> None:
    now_s = 0.0
    recent = RecentRequests(window_s=10, most=8, now_s=lambda: now_s)
    recent.add([b"a"])
    now_s = 10.0
    recent.add([b"b"])
    assert b"a" in recent
    now_s = 20.0
    recent.add([b"c"])
    assert b"a" not in recent
    assert b"b" not in recent
    assert b"c" in recent
    for number in range(1000):
        recent.add([b"%d" % number])
        assert len(recent) <= 8
    assert b"999" in recent
    off = RecentRequests(window_s=0, most=8)
    off.add([b"a"])
    assert b"a" not in off


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=12), st.integers(0, 15))
def test_digests_survive_a_torn_file(digests: list[bytes], torn: int) -> None:
    assert digests_in(b"".join(digests) + b"t" * torn) == digests


def test_the_file_of_digests_is_bounded_and_goes_on_after_a_torn_write(tmp_path: Path) -> None:
    file = RecentFile(tmp_path, Signal.LOGS, most=8)
    sent = [bytes([number]) * 16 for number in range(20)]
    for digest in sent:
        file.append(digest)
    loaded = file.load()
    assert loaded == sent[-len(loaded) :]
    assert 4 <= len(loaded) <= 8
    (path,) = tmp_path.glob("*-recent.bin")
    with path.open("ab") as stream:
        stream.write(b"torn")
    file.append(b"z" * 16)
    assert file.load()[-1] == b"z" * 16

"""Acknowledged means on disk; refused means never read back."""

from __future__ import annotations

import errno
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from wal_bench import WalBench

from rootspan_collector.errors import LogFull, LogLocked, LogUnavailable
from rootspan_collector.ledger import Counts
from rootspan_collector.wal.folder import WalFolder
from rootspan_collector.wal.recent import RecentRequests
from rootspan_collector.wal.waiting import Ticket, WaitingRoom
from support.processes import wait_until


def test_no_request_is_acknowledged_before_its_fsync_returned(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    wal.disk.gate.clear()
    wal.disk.syncing.clear()
    with ThreadPoolExecutor(4) as pool:
        acks = [pool.submit(log.append, b"payload %d" % n, 1) for n in range(4)]
        assert wal.disk.syncing.wait(5)
        assert not any(ack.done() for ack in acks)
        assert log.ledger.counts().accepted == 1
        wal.disk.gate.set()
        wait(acks, timeout=5)
        assert all(ack.exception() is None for ack in acks)
    assert log.ledger.counts() == Counts(accepted=5, pending=5)


def test_requests_that_wait_together_share_one_fsync(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    before = wal.disk.syncs
    wal.disk.gate.clear()
    wal.disk.syncing.clear()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(log.append, b"first", 1)
        assert wal.disk.syncing.wait(5)
        started = threading.Barrier(9)

        def late(n: int) -> None:
            started.wait(5)
            log.append(b"late %d" % n, 1)

        acks = [pool.submit(late, n) for n in range(8)]
        started.wait(5)
        while wal.budget.used_bytes < 9 * 20:  # all eight are queued once their bytes are reserved
            threading.Event().wait(0.001)
        wal.disk.gate.set()
        wait([first, *acks], timeout=5)
    assert wal.disk.syncs - before <= 4
    assert len(wal.payloads(log)) == 10


def test_senders_that_were_answered_together_are_waited_for_and_one_alone_is_not() -> None:
    room = WaitingRoom(RecentRequests(window_s=600, most=10))

    def enter(name: bytes) -> None:
        assert room.enter(Ticket(b"", 1, name), lambda _ticket, _error: None)

    for number in range(3):
        enter(b"%d" % number)
    room.gather(3, 60)  # all are here
    with ThreadPoolExecutor(1) as pool:
        gathering = pool.submit(room.gather, 4, 60)
        enter(b"late")
        gathering.result(10)
    room.take()
    room.gather(2, 0.01)  # nobody comes, and nobody is waited for longer
    enter(b"after")
    assert len(room.take()) == 1


def test_who_does_not_wait_is_told_after_the_fsync_and_one_fsync_serves_many(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    wal.disk.gate.clear()
    wal.disk.syncing.clear()
    told: dict[bytes, bool | LogUnavailable] = {}

    def append(payload: bytes) -> None:
        log.append_later(payload, 1, lambda outcome: told.setdefault(payload, outcome))

    append(b"first")
    assert wal.disk.syncing.wait(5)
    before = wal.disk.syncs
    for number in range(20):
        append(b"%d" % number)
    append(b"opens the segment")  # known: told at once
    assert told == {b"opens the segment": False}
    assert log.ledger.counts().accepted == 1
    wal.disk.gate.set()
    wait_until(lambda: len(told) == 22, timeout_s=10, what="all are told")
    assert [payload for payload, outcome in told.items() if outcome is not True] == [b"opens the segment"]
    assert wal.disk.syncs - before == 2
    log.close()
    assert log.ledger.counts() == Counts(accepted=22, pending=22, repeated=1)
    assert len(wal.payloads(log)) == 22


def test_who_does_not_wait_is_told_of_a_refusal_and_so_are_its_copies(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"opens the segment", 1)
    used_bytes = wal.budget.used_bytes
    wal.disk.gate.clear()
    wal.disk.syncing.clear()
    wal.disk.fail_sync = OSError(errno.EIO, "gone")
    told: list[bool | LogUnavailable] = []
    for _ in range(3):
        log.append_later(b"same", 1, told.append)
        assert wal.disk.syncing.wait(5)
    wal.disk.gate.set()
    wait_until(lambda: len(told) == 3, timeout_s=10, what="all are told")
    assert all(isinstance(outcome, LogUnavailable) for outcome in told)
    assert wal.budget.used_bytes == used_bytes
    wal.disk.fail_sync = None
    log.close()
    log.append_later(b"too late", 1, told.append)
    wait_until(lambda: len(told) == 4, timeout_s=10, what="the last one is told")
    assert "stopping" in str(told[-1])
    assert wal.payloads(log) == [b"opens the segment"]


@pytest.mark.parametrize("broken", ["fail_append", "fail_sync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_request_that_the_disk_refused_is_refused_and_never_read_back(
    wal: WalBench, broken: str, code: int
) -> None:
    log = wal.open()
    log.append(b"good before", 1)
    setattr(wal.disk, broken, OSError(code, "as told by the test"))
    with pytest.raises(LogUnavailable, match="nothing was acknowledged"):
        log.append(b"refused", 1)
    assert log.error is not None
    setattr(wal.disk, broken, None)
    log.append(b"good after", 1)
    assert log.error is None
    assert log.ledger.counts() == Counts(accepted=2, pending=2)
    reopened = wal.open()
    assert wal.payloads(reopened) == [b"good before", b"good after"]
    assert reopened.ledger.counts() == Counts(accepted=2, stored=2)


def test_after_a_failed_fsync_the_segment_is_sealed_off(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"before", 1)
    wal.disk.fail_sync = OSError(errno.EIO, "gone")
    with pytest.raises(LogUnavailable):
        log.append(b"refused", 1)
    wal.disk.fail_sync = None
    log.append(b"after", 1)
    assert len(list(wal.folder.glob("*.wal"))) == 2


def test_even_if_it_cannot_be_cut_off_a_refused_request_is_not_read_back(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"before", 1)
    wal.disk.fail_sync = OSError(errno.EIO, "gone")
    wal.disk.fail_truncate = OSError(errno.EIO, "gone too")
    with pytest.raises(LogUnavailable):
        log.append(b"refused", 1)
    wal.disk.fail_sync = wal.disk.fail_truncate = None
    log.append(b"after", 1)
    assert wal.payloads(wal.open()) == [b"before", b"after"]


def test_a_full_log_refuses_with_its_size_and_takes_again_after_draining(wal: WalBench) -> None:
    log = wal.open(limit_bytes=4096)
    log.append(b"x" * 3000, 1)
    with pytest.raises(LogFull, match="ROOTSPAN_WAL_MAX_BYTES") as caught:
        log.append(b"y" * 3000, 1)
    assert caught.value.limit_bytes == 4096
    assert wal.payloads(log) == [b"x" * 3000]
    assert wal.budget.used_bytes == 0
    log.append(b"y" * 3000, 1)


def test_a_probe_finds_out_that_the_disk_is_well_again(wal: WalBench) -> None:
    log = wal.open()
    wal.disk.fail_create = OSError(errno.EROFS, "read-only")
    with pytest.raises(LogUnavailable, match="read-only"):
        log.append(b"x", 1)
    log.probe()
    assert log.error is not None
    wal.disk.fail_create = None
    log.probe()
    assert log.error is None
    log.append(b"y", 1)
    assert wal.payloads(log) == [b"y"]


def test_segments_are_sealed_by_size_and_come_out_in_order(wal: WalBench) -> None:
    log = wal.open(segment_bytes=1000)
    sent = [b"%03d" % n * 100 for n in range(20)]
    for payload in sent:
        log.append(payload, 1)
    assert len(list(wal.folder.glob("*.wal"))) > 3
    assert wal.payloads(log) == sent
    assert list(wal.folder.glob("*.wal")) == []
    assert log.ledger.counts() == Counts(accepted=20, stored=20)


def test_a_young_segment_is_not_taken_and_an_old_one_is(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"x", 1)
    assert log.next_segment(max_age_s=60, timeout_s=0.01) is None
    assert log.next_segment(max_age_s=0.01, timeout_s=5) is not None


def test_a_closed_log_refuses_and_gives_out_what_it_holds(wal: WalBench) -> None:
    log = wal.open()
    log.append(b"x", 1)
    log.close()
    with pytest.raises(LogUnavailable, match="stopping"):
        log.append(b"y", 1)
    assert wal.payloads(log) == [b"x"]


def test_a_log_folder_has_one_owner(tmp_path: Path) -> None:
    owner = WalFolder(tmp_path / "wal")
    with pytest.raises(LogLocked, match="pid"):
        WalFolder(tmp_path / "wal")
    identity = owner.collector_id
    owner.close()
    again = WalFolder(tmp_path / "wal")
    assert again.collector_id == identity
    again.close()

"""What was acknowledged before a crash is found after it; what is damaged is set aside and counted."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from wal_bench import WalBench

from rootspan_collector.ledger import Counts
from rootspan_collector.wal.record import HEADER_BYTES as RECORD_BYTES
from rootspan_collector.wal.segment import HEADER_BYTES


def written(wal: WalBench, payloads: list[bytes], segment_bytes: int = 1 << 20) -> list[Path]:
    log = wal.open(segment_bytes=segment_bytes)
    for payload in payloads:
        log.append(payload, 2)
    return sorted(wal.folder.glob("*.wal"))  # and no close: the process "dies" here


def quarantined(wal: WalBench) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(wal.quarantine.folder.glob("*.json"))]


def test_a_crash_loses_nothing_that_was_acknowledged(wal: WalBench) -> None:
    written(wal, [b"a", b"b", b"c"])
    log = wal.open()
    assert log.ledger.counts() == Counts(accepted=6, pending=6)
    assert wal.payloads(log) == [b"a", b"b", b"c"]
    assert wal.open().ledger.counts() == Counts(accepted=6, stored=6)


def test_cut_at_every_byte_the_whole_records_are_kept_and_the_log_goes_on(tmp_path: Path) -> None:
    payloads = [b"first", b"", b"third record"]
    origin = WalBench(tmp_path / "origin")
    (path,) = written(origin, payloads)
    data = path.read_bytes()
    ends = [HEADER_BYTES]
    for payload in payloads:
        ends.append(ends[-1] + RECORD_BYTES + len(payload))
    for cut in range(len(data) + 1):
        wal = WalBench(tmp_path / f"cut{cut}")
        (wal.folder / path.name).write_bytes(data[:cut])
        log = wal.open()
        kept = payloads[: sum(end <= cut for end in ends[1:])]
        log.append(b"after", 2)
        assert wal.payloads(log) == [*kept, b"after"], cut
        is_torn = cut > HEADER_BYTES and cut not in ends
        assert [fact["kind"] for fact in quarantined(wal)] == (["damaged"] if is_torn else []), cut
        assert log.ledger.counts() == Counts(accepted=2 * len(kept) + 2, stored=2 * len(kept) + 2)
        shutil.rmtree(wal.folder)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_bit_never_yields_wrong_bytes_and_never_unbalances(data: st.DataObject) -> None:
    payloads = [b"one" * 5, b"two" * 5, b"three" * 5, b"four" * 5]
    with tempfile.TemporaryDirectory() as folder:
        wal = WalBench(Path(folder) / "wal")
        paths = written(wal, payloads, segment_bytes=140)  # two records each
        assert len(paths) == 2
        path = data.draw(st.sampled_from(paths))
        raw = bytearray(path.read_bytes())
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(raw)
        log = wal.open()
        read = wal.payloads(log)
        assert [p for p in payloads if p in read] == read  # in order, and nothing that was not sent
        counts = log.ledger.counts()
        assert counts.stored == 2 * len(read)
        if bit // 8 < HEADER_BYTES:
            assert [fact["kind"] for fact in quarantined(wal)] == ["unreadable"]
            assert read == (payloads[2:] if path == paths[0] else payloads[:2])
        else:
            assert len(read) == 3
            assert counts.accepted == counts.stored + counts.pending + counts.quarantined


def test_damage_with_a_segment_behind_it_is_counted_as_quarantined(wal: WalBench) -> None:
    paths = written(wal, [b"a" * 50, b"b" * 50, b"c" * 50], segment_bytes=200)
    raw = bytearray(paths[0].read_bytes())
    raw[HEADER_BYTES + RECORD_BYTES] ^= 1
    paths[0].write_bytes(raw)
    log = wal.open()
    assert log.ledger.counts() == Counts(accepted=6, pending=6)
    assert wal.payloads(log) == [b"b" * 50, b"c" * 50]
    assert log.ledger.counts() == Counts(accepted=6, stored=4, quarantined=2)


def test_a_segment_with_a_damaged_header_is_kept_whole(wal: WalBench) -> None:
    (path,) = written(wal, [b"a"])
    raw = bytearray(path.read_bytes())
    raw[3] ^= 1
    path.write_bytes(raw)
    assert wal.payloads(wal.open()) == []
    (fact,) = quarantined(wal)
    assert fact["kind"] == "unreadable"
    (kept,) = wal.quarantine.folder.glob("*.bin")
    assert kept.read_bytes() == raw


def test_a_segment_that_is_done_but_not_deleted_is_not_delivered_again(wal: WalBench) -> None:
    (path,) = written(wal, [b"a"])
    data = path.read_bytes()
    log = wal.open()
    assert wal.payloads(log) == [b"a"]
    path.write_bytes(data)  # as if the crash came between recording and deleting
    log = wal.open()
    assert wal.payloads(log) == []
    assert not path.exists()
    assert log.ledger.counts() == Counts(accepted=2, stored=2)


def test_a_missing_segment_shows_in_the_balance(wal: WalBench) -> None:
    paths = written(wal, [b"a" * 50, b"b" * 50, b"c" * 50], segment_bytes=100)
    paths[1].unlink()
    log = wal.open()
    wal.payloads(log)
    counts = log.ledger.counts()
    assert counts.accepted - counts.stored - counts.pending - counts.quarantined == 2


def test_tokens_are_unique_even_if_a_sequence_number_comes_again(wal: WalBench) -> None:
    tokens = set()
    for _ in range(2):
        log = wal.open()
        log.append(b"a", 1)
        segment = log.next_segment(max_age_s=0, timeout_s=0)
        assert segment is not None
        tokens.add(segment.header.token)
        for path in wal.folder.glob("*.wal"):
            path.unlink()  # a folder restored from an old backup knows nothing of them
    assert len(tokens) == 2


def test_damage_in_the_last_segment_is_counted_from_its_record_header(wal: WalBench) -> None:
    (path,) = written(wal, [b"a" * 50, b"b" * 50])
    raw = bytearray(path.read_bytes())
    raw[HEADER_BYTES + RECORD_BYTES] ^= 1
    path.write_bytes(raw)
    log = wal.open()
    assert wal.payloads(log) == [b"b" * 50]
    assert log.ledger.counts() == Counts(accepted=4, stored=2, quarantined=2)

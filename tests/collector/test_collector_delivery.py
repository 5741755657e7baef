"""Delivery: everything is stored once or set aside with a reason, however often it is interrupted."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable

import pytest
from wal_bench import WalBench, requests_of

from rootspan_collector.delivery import Delivery, Outcome, Stopped
from rootspan_collector.otlp.messages import fault_of
from rootspan_collector.wal.segment import Frames, Segment
from rootspan_store.errors import StoreError, StoreRejected, StoreUnreachable
from rootspan_store.ingest import Signal
from support import otlp_requests as otlp

UNKNOWN_PROTOBUF_FORMAT = 444
MEMORY_LIMIT_EXCEEDED = 241
TOO_MANY_PARTS = 252


class MemoryStore:
    """A store that keeps tokens as ClickHouse does, rejects some requests, and fails when told to."""

    def __init__(self) -> None:
        self.blocks: dict[str, list[bytes]] = {}
        self.tries: list[str] = []
        self.poison: bytes | None = None
        self.code: int | None = UNKNOWN_PROTOBUF_FORMAT
        self.max_requests = 1 << 30
        self.before: Callable[[int], StoreError | None] = lambda _: None
        self.after: Callable[[int], StoreError | None] = lambda _: None

    def insert(self, signal: Signal, token: str, frames: Frames) -> None:
        del signal
        self.tries.append(token)
        number = len(self.tries)
        if err := self.before(number):
            raise err
        bodies = requests_of(frames)
        if len(bodies) > self.max_requests:
            raise StoreRejected("does not fit", code=MEMORY_LIMIT_EXCEEDED)
        if self.poison is not None and self.poison in bodies:
            raise StoreRejected("Protobuf messages are corrupted", code=self.code)
        self.blocks.setdefault(token, bodies)
        if err := self.after(number):
            raise err

    def abort(self) -> None:
        raise NotImplementedError

    def rows(self) -> list[bytes]:
        return [body for bodies in self.blocks.values() for body in bodies]


PAYLOADS = [otlp.traces(1, name=f"request {number}").SerializeToString() for number in range(9)]


@pytest.fixture
def segment(wal: WalBench) -> Segment:
    log = wal.open()
    for payload in PAYLOADS:
        log.append(payload, 10)
    found = log.next_segment(max_age_s=0, timeout_s=0)
    assert found is not None
    return found


def delivery(store: MemoryStore, wal: WalBench, max_waits: int = 1000) -> Delivery:
    waits = 0

    def wait(delay_s: float) -> None:
        nonlocal waits
        assert 0 <= delay_s <= 5
        waits += 1
        if waits > max_waits:
            raise Stopped("the test is over")

    return Delivery(store, wal.quarantine, wait=wait, prepare=lambda: None, rng=random.Random(1))


def test_a_good_segment_goes_in_whole_under_its_token(wal: WalBench, segment: Segment) -> None:
    store = MemoryStore()
    assert delivery(store, wal).deliver(segment, verify=False) == Outcome(stored=90, quarantined=0)
    assert store.blocks == {segment.header.token: PAYLOADS}


def test_poison_is_set_aside_with_its_reason_and_the_rest_is_stored(wal: WalBench, segment: Segment) -> None:
    store = MemoryStore()
    store.poison = PAYLOADS[6]
    assert delivery(store, wal).deliver(segment, verify=False) == Outcome(stored=80, quarantined=10)
    assert sorted(store.rows()) == sorted(p for p in PAYLOADS if p != store.poison)
    (described,) = wal.quarantine.folder.glob("*.json")
    facts = json.loads(described.read_text())
    assert facts["items"] == 10
    assert facts["kind"] == "rejected"
    assert "444" in facts["reason"]
    assert described.with_suffix(".bin").read_bytes() == store.poison


@pytest.mark.parametrize("stop_after", range(1, 9))
def test_interrupted_anywhere_while_halving_nothing_is_stored_twice(
    wal: WalBench, segment: Segment, stop_after: int
) -> None:
    store = MemoryStore()
    store.poison = PAYLOADS[3]
    # The insert was applied, but the collector died before it heard of it.
    store.after = lambda number: StoreUnreachable("gone") if number == stop_after else None
    store.before = lambda number: StoreUnreachable("gone") if number > stop_after else None
    with contextlib.suppress(Stopped):
        delivery(store, wal, max_waits=3).deliver(segment, verify=False)
    store.after = store.before = lambda _: None
    assert delivery(store, wal).deliver(segment, verify=True) == Outcome(stored=80, quarantined=10)
    assert sorted(store.rows()) == sorted(p for p in PAYLOADS if p != store.poison)


def test_a_split_segment_is_never_sent_whole_again_even_if_the_store_would_take_it_now(
    wal: WalBench, segment: Segment
) -> None:
    store = MemoryStore()
    store.poison = PAYLOADS[3]
    store.before = lambda number: StoreUnreachable("gone") if number > 4 else None
    with pytest.raises(Stopped):
        delivery(store, wal, max_waits=3).deliver(segment, verify=False)
    store.before = lambda _: None
    store.poison = None  # the store was upgraded meanwhile
    assert delivery(store, wal).deliver(segment, verify=True) == Outcome(stored=90, quarantined=0)
    assert sorted(store.rows()) == sorted(PAYLOADS)


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_token(
    wal: WalBench, segment: Segment
) -> None:
    store = MemoryStore()
    store.after = lambda number: StoreUnreachable("timeout") if number <= 3 else None
    assert delivery(store, wal).deliver(segment, verify=False).stored == 90
    assert store.tries == [segment.header.token] * 4
    assert store.rows() == PAYLOADS


def test_errors_of_the_store_are_waited_out_and_never_blamed_on_the_bytes(
    wal: WalBench, segment: Segment
) -> None:
    store = MemoryStore()
    store.before = lambda number: (
        StoreRejected("too many parts", code=TOO_MANY_PARTS) if number <= 100 else None
    )
    assert delivery(store, wal).deliver(segment, verify=False) == Outcome(stored=90, quarantined=0)
    assert len(store.tries) == 101


def test_a_segment_that_does_not_fit_is_sent_in_halves_and_nothing_is_quarantined(
    wal: WalBench, segment: Segment
) -> None:
    store = MemoryStore()
    store.max_requests = 3
    assert delivery(store, wal).deliver(segment, verify=False) == Outcome(stored=90, quarantined=0)
    assert store.rows() == PAYLOADS


def test_an_unknown_error_is_retried_and_then_taken_for_the_bytes(wal: WalBench, segment: Segment) -> None:
    store = MemoryStore()
    store.poison, store.code = PAYLOADS[0], 424242
    assert delivery(store, wal).deliver(segment, verify=False) == Outcome(stored=80, quarantined=10)
    assert store.tries.count(segment.header.token) > 3


def test_damage_found_when_reading_is_set_aside_and_counted(wal: WalBench, segment: Segment) -> None:
    raw = bytearray(segment.path.read_bytes())
    raw[raw.find(PAYLOADS[4])] ^= 1
    segment.path.write_bytes(raw)
    store = MemoryStore()
    assert delivery(store, wal).deliver(segment, verify=True) == Outcome(stored=80, quarantined=10)
    assert sorted(store.rows()) == sorted(p for p in PAYLOADS if p != PAYLOADS[4])
    assert [json.loads(p.read_text())["kind"] for p in wal.quarantine.folder.glob("*.json")] == ["damaged"]


RUBBISH = [b"\x0a\x08\x12\x06\x12\x04\xff\xff\xff%c" % number for number in range(5)]


@pytest.fixture
def littered(wal: WalBench) -> Segment:
    """Five requests of rubbish between nine good ones."""
    log = wal.open()
    for number, payload in enumerate(PAYLOADS):
        log.append(payload, 10)
        if number < len(RUBBISH):
            log.append(RUBBISH[number], 1)
    found = log.next_segment(max_age_s=0, timeout_s=0)
    assert found is not None
    return found


def strict_store() -> MemoryStore:
    """Rejects rubbish as the database does."""
    store = MemoryStore()
    take = store.insert

    def insert(signal: Signal, token: str, frames: Frames) -> None:
        store.poison = next((one for one in RUBBISH if one in requests_of(frames)), None)
        take(signal, token, frames)

    store.insert = insert  # type: ignore[method-assign]
    return store


def test_rubbish_costs_the_good_requests_one_more_insert_however_much_of_it_there_is(
    wal: WalBench, littered: Segment
) -> None:
    store = strict_store()
    assert delivery(store, wal).deliver(littered, verify=False) == Outcome(stored=90, quarantined=5)
    assert len(store.tries) == 2
    assert store.rows() == PAYLOADS
    kept = sorted(path.read_bytes() for path in wal.quarantine.folder.glob("*.bin"))
    assert kept == RUBBISH
    reasons = [json.loads(path.read_text())["reason"] for path in wal.quarantine.folder.glob("*.json")]
    assert all(reason.startswith("no OTLP: ") for reason in reasons)


@pytest.mark.parametrize("stop_after", [1, 2])
def test_interrupted_while_rubbish_is_left_out_nothing_is_stored_twice(
    wal: WalBench, littered: Segment, stop_after: int
) -> None:
    store = strict_store()
    store.after = lambda number: StoreUnreachable("gone") if number == stop_after else None
    store.before = lambda number: StoreUnreachable("gone") if number > stop_after else None
    with contextlib.suppress(Stopped):
        delivery(store, wal, max_waits=3).deliver(littered, verify=False)
    store.after = store.before = lambda _: None
    assert delivery(store, wal).deliver(littered, verify=True) == Outcome(stored=90, quarantined=5)
    assert store.rows() == PAYLOADS
    assert len(list(wal.quarantine.folder.glob("*.bin"))) == 5


def test_text_that_is_not_utf8_is_for_the_store_to_judge() -> None:
    latin = PAYLOADS[0].replace(b"request 0", b"requ\xeast 0")
    assert latin != PAYLOADS[0]
    assert fault_of(Signal.TRACES, latin) is None
    assert fault_of(Signal.TRACES, PAYLOADS[0]) is None
    assert fault_of(Signal.TRACES, RUBBISH[0]) is not None

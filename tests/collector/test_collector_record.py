"""Records survive a round trip; damage costs what it touches and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rootspan_collector.wal.record import HEADER_BYTES, Scan, digest_of, encode_header, scan, walk

MARKER = b"\x9a\x01marker"
requests = st.lists(st.tuples(st.binary(max_size=200), st.integers(0, 2**32 - 1)), max_size=8)


def encode(items: list[tuple[bytes, int]]) -> bytes:
    return b"".join(record(MARKER, payload, count) for payload, count in items)


def record(marker: bytes, payload: bytes, count: int) -> bytes:
    return encode_header(marker, payload, count, digest_of(payload)) + payload


def read(data: bytes) -> Scan:
    return scan(memoryview(data), 0, len(data), MARKER)


def payloads(data: bytes, found: Scan) -> list[tuple[bytes, int]]:
    return [(data[record.start : record.end], record.items) for record in found.records]


@given(requests)
def test_what_was_written_is_read_back_in_order(written: list[tuple[bytes, int]]) -> None:
    data = encode(written)
    found = read(data)
    assert payloads(data, found) == written
    assert [one.digest for one in found.records] == [digest_of(payload) for payload, _ in written]
    assert found.damages == ()
    assert tuple(walk(memoryview(data), 0, len(data))) == found.records


@given(requests.filter(bool), st.data())
def test_cut_anywhere_every_whole_record_before_the_cut_is_kept(
    written: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    whole = encode(written)
    cut = data.draw(st.integers(0, len(whole)))
    found = read(whole[:cut])
    ends = [len(encode(written[: n + 1])) for n in range(len(written))]
    kept = sum(end <= cut for end in ends)
    assert payloads(whole, found) == written[:kept]
    torn = cut - ([0, *ends][kept])
    assert [(d.end - d.start, d.is_tail) for d in found.damages] == ([(torn, True)] if torn else [])


@given(requests.filter(bool), st.data())
def test_a_flipped_bit_costs_exactly_the_record_it_is_in(
    written: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    whole = bytearray(encode(written))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << (bit % 8)
    found = read(bytes(whole))
    ends = [len(encode(written[: n + 1])) for n in range(len(written))]
    hit = next(n for n, end in enumerate(ends) if bit // 8 < end)
    assert payloads(bytes(whole), found) == written[:hit] + written[hit + 1 :]
    start = ends[hit] - HEADER_BYTES - len(written[hit][0])
    assert [(d.start, d.end, d.is_tail) for d in found.damages] == [
        (start, ends[hit], hit == len(written) - 1)
    ]


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_never_taken_for_a_record(noise: bytes) -> None:
    found = read(noise)
    assert found.records == ()
    assert [(d.start, d.end) for d in found.damages] == ([(0, len(noise))] if noise else [])


def test_a_record_planted_inside_a_payload_is_not_found_after_damage() -> None:
    # A sender does not know the segment's marker; one of another segment means nothing here.
    planted = record(b"othermrk", b"evil", 1)
    data = bytearray(encode([(b"x" * 50 + planted, 1), (b"good", 2)]))
    data[HEADER_BYTES] ^= 1
    assert payloads(bytes(data), read(bytes(data))) == [(b"good", 2)]

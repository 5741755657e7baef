"""Content encodings: round trips at any cut, bounded steps, and refusal of what is not in them."""

import contextlib
import gzip
import sys
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootspan_store.embedded.body import parse_multipart
from rootspan_store.embedded.compression import (
    STEP_BYTES,
    BadEncodingError,
    choose_encoding,
    compressor,
    decompress,
)
from rootspan_store.errors import EngineError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
    "identity": bytes,
}
_MEMBERS = ("gzip", "zstd", "lz4")


@pytest.mark.parametrize("encoding", sorted(_ENCODE))
@given(data=st.binary(max_size=3000), cut=st.integers(1, 50))
def test_what_was_compressed_comes_back_however_it_is_cut(encoding: str, data: bytes, cut: int) -> None:
    packed = _ENCODE[encoding](data)
    chunks = [packed[i : i + cut] for i in range(0, len(packed), cut)]
    assert b"".join(decompress(chunks, encoding)) == data


@pytest.mark.parametrize("encoding", _MEMBERS)
@given(parts=st.lists(st.binary(max_size=200), max_size=4), cut=st.integers(1, 50))
def test_several_frames_in_a_row_are_one_body(encoding: str, parts: list[bytes], cut: int) -> None:
    packed = b"".join(_ENCODE[encoding](part) for part in parts)
    chunks = [packed[i : i + cut] for i in range(0, len(packed), cut)]
    assert b"".join(decompress(chunks, encoding)) == b"".join(parts)


@pytest.mark.parametrize("encoding", [e for e in sorted(_ENCODE) if e != "identity"])
def test_one_step_is_bounded_however_much_the_input_expands(encoding: str) -> None:
    packed = _ENCODE[encoding](b"\0" * (64 * STEP_BYTES))
    total = 0
    for piece in decompress([packed], encoding):
        assert len(piece) <= STEP_BYTES
        total += len(piece)
    assert total == 64 * STEP_BYTES


@pytest.mark.parametrize("encoding", [e for e in sorted(_ENCODE) if e != "identity"])
@pytest.mark.parametrize("missing", [1, 5, 20])
def test_a_body_that_ends_too_early_is_an_error(encoding: str, missing: int) -> None:
    data = bytes(range(256)) * 40
    packed = _ENCODE[encoding](data)
    with pytest.raises(BadEncodingError, match="ends too early"):
        list(decompress([packed[:-missing]], encoding))


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
@given(parts=st.lists(st.binary(max_size=500), max_size=5))
def test_answers_are_one_stream(encoding: str, parts: list[bytes]) -> None:
    encoder = compressor(encoding)
    packed = b"".join(encoder.compress(memoryview(part)) for part in parts) + encoder.flush()
    assert b"".join(decompress([packed], encoding)) == b"".join(parts)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("lz4,zstd,gzip,deflate", "lz4"),
        ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("*", None),
    ],
)
def test_the_cheapest_encoding_that_is_offered_is_taken(offered: str, chosen: str | None) -> None:
    assert choose_encoding(offered) == chosen


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z_]{1,10}", fullmatch=True), st.text(alphabet="ab\r\n-'\"é", max_size=30)
        ),
        max_size=5,
    )
)
def test_forms_come_back_as_they_were_filled_in(fields: list[tuple[str, str]]) -> None:
    parts = [
        f'--XbX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    body = b"".join(parts) + b"--XbX--\r\n"
    assert parse_multipart('multipart/form-data; boundary="XbX"', body) == fields


@given(st.binary(max_size=200))
def test_a_broken_form_is_clickhouses_error(body: bytes) -> None:
    with contextlib.suppress(EngineError):
        parse_multipart("multipart/form-data; boundary=b", body)

"""Times as people write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootspan_cli.errors import WrongUse
from rootspan_cli.times import parse_duration_ns, parse_time_ns, rfc3339

NOW = 1_777_888_999_123_456_789
NS = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86_400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 15m ", 900),
    ],
)
def test_durations_are_numbers_with_units(text: str, seconds: int) -> None:
    assert parse_duration_ns(text) == seconds * NS


@pytest.mark.parametrize("text", ["", "15", "m", "15 m", "-15m", "15w", "15m ago", "1e3s", "٣m", "0s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongUse, match="15m"):
        parse_duration_ns(text)


def test_a_duration_means_that_long_ago() -> None:
    assert parse_time_ns("15m", now_ns=NOW) == NOW - 900 * NS


def test_unix_nanoseconds_pass_through() -> None:
    assert parse_time_ns("1700000000123456789", now_ns=NOW) == 1_700_000_000_123_456_789


@pytest.mark.parametrize("text", ["1700000000", "1700000000000", "1700000000000000", "9" * 20])
def test_seconds_milliseconds_and_overflow_are_not_taken_for_nanoseconds(text: str) -> None:
    with pytest.raises(WrongUse, match="nanoseconds"):
        parse_time_ns(text, now_ns=NOW)


@pytest.mark.parametrize(
    ("text", "unix_ns"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000 * NS),
        ("2023-11-14t22:13:20z", 1_700_000_000 * NS),
        ("2023-11-14 22:13:20Z", 1_700_000_000 * NS),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000 * NS),
        ("2023-11-14T22:13:20.5Z", 1_700_000_000 * NS + 500_000_000),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000 * NS + 123_456_789),
    ],
)
def test_rfc_3339_keeps_its_nanoseconds_and_its_offset(text: str, unix_ns: int) -> None:
    assert parse_time_ns(text, now_ns=NOW) == unix_ns


@pytest.mark.parametrize(
    "text",
    ["2023-11-14T22:13:20", "2023-11-14", "yesterday", "2023-13-01T00:00:00Z", "2023-02-30T00:00:00Z"],
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(WrongUse, match="RFC 3339"):
        parse_time_ns(text, now_ns=NOW)


@given(st.datetimes(min_value=datetime(2002, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_written_time_reads_back_to_the_millisecond(moment: datetime) -> None:
    unix_ns = (
        int(moment.replace(tzinfo=UTC, microsecond=0).timestamp()) * NS
        + moment.microsecond // 1000 * 1_000_000
    )
    assert parse_time_ns(rfc3339(unix_ns), now_ns=NOW) == unix_ns

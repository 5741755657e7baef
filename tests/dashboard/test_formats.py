"""Numbers read the same everywhere: three digits that count, one unit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootspan_dashboard.frame.url_state import parse_moment, write_moment
from rootspan_dashboard.words.formats import (
    format_change,
    format_count,
    format_ms,
    format_range,
    format_rate,
    format_ratio,
    format_tick,
    format_time,
    format_value,
)
from rootspan_dashboard.words.literal import escape, visible


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (0.0000042, "4.20 ns"),
        (0.85, "850 µs"),
        (0.9996, "1.00 ms"),
        (9.996, "10.0 ms"),
        (34.54, "34.5 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (1240, "1.24 s"),
        (119_499, "119 s"),
        (123_000, "2 min 3 s"),
        (3_840_000, "1 h 4 min"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_durations(ms: float | None, words: str) -> None:
    assert format_ms(ms).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (format_rate(1234), "1.23 k/s"),
        (format_rate(999.6), "1.00 k/s"),
        (format_rate(12.34), "12.3/s"),
        (format_count(9_999), "9,999"),
        (format_count(1_511_463), "1.51 M"),
        (format_ratio(0.000625), "0.06 %"),
        (format_ratio(0.000001), "< 0.001 %"),
        (format_ratio(0), "0 %"),
        (format_ratio(0.125), "12.5 %"),
        (format_ratio(1), "100 %"),
        (format_tick(10, "ms"), "10 ms"),
        (format_tick(1500, "/s"), "1.5 k/s"),
        (format_tick(0.002, "ratio"), "0.2 %"),
        (format_tick(100, "ms"), "100 ms"),
        (format_tick(60, "Cel"), "60 °C"),
        (format_value(51.26, "Cel"), "51.3 °C"),
        (format_value(1740.1, "MHz"), "1,740 MHz"),
        (format_change(112, 100), "+12 %"),
        (format_change(93.4, 100), "\u22126.6 %"),
        (format_change(100.01, 100), "unchanged"),
        (format_change(5000, 100), "50.0 ×"),
    ],
)
def test_figures(text: str, words: str) -> None:
    assert text.replace("\u00a0", " ") == words


def test_a_change_needs_two_numbers() -> None:
    assert format_change(1, 0) is None
    assert format_change(math.nan, 1) is None
    assert format_change(1, None) is None


def test_times_are_utc_and_say_so() -> None:
    assert format_range(1795368350 * 10**9, 1795370150 * 10**9) == "22 Nov 17:25 – 17:55 UTC"
    assert format_time(1795368350_123_456_789, date=True, fraction=3) == "2026-11-22 17:25:50.123"


@given(st.integers(min_value=0, max_value=4_000_000_000 * 10**9))
def test_a_moment_in_a_url_is_read_back_to_the_nanosecond(ns: int) -> None:
    assert parse_moment(write_moment(ns)) == ns


@pytest.mark.parametrize("year", ["0001", "1969", "2107", "9999"])
def test_a_moment_that_the_store_cannot_hold_is_none(year: str) -> None:
    assert parse_moment(f"{year}-06-01T00:00:00Z") is None


@given(st.text(max_size=80))
def test_a_moment_is_a_time_or_none_whatever_is_in_the_url(text: str) -> None:
    assert parse_moment(text) is None or parse_moment(text) == parse_moment(text.strip())


@given(st.text(max_size=200))
def test_escaped_text_holds_no_markup_and_nothing_that_hides(text: str) -> None:
    shown = escape(text)
    assert not set(shown) & set("<>\"'")
    assert all(one.isprintable() or one in "\n\t" or one.isspace() for one in visible(text))


def test_what_reorders_or_hides_text_is_spelled_out() -> None:
    assert visible("a\u202eb\x00c\u200d") == "a\\u202eb\\x00c\\u200d"
    assert visible("日本語 émoji 🙂") == "日本語 émoji 🙂"
    assert visible("x" * 30, most=10) == "xxxxxxxxxx … (20 more characters)"

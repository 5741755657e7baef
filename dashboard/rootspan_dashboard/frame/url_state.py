"""What a view shows, kept in the page's URL: read, written and carried from page to page.

The URL is the only truth: widgets are set from it in every run, and their callbacks write it. So a link
shows what its sender saw. Values are checked here; what makes no sense falls back to the default.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

import streamlit as st

__all__ = [
    "CARRIED",
    "carry",
    "choice",
    "parse_moment",
    "read",
    "read_all",
    "reading_from",
    "write",
    "write_moment",
]

CARRIED: Final = ("last", "from", "to", "refresh", "service", "region")
"""What follows a person from page to page."""
LONGEST_VALUE: Final = 256
MOST_REPEATED: Final = 12
STORED_S: Final = 2**32
"""Unix seconds that the store's rollups can hold."""
_given: ContextVar[Mapping[str, Sequence[str]] | None] = ContextVar("_given", default=None)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?Z?")


@contextmanager
def reading_from(parameters: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Read these parameters within, in this thread: of a page that is asked for and has no run yet."""
    before = _given.set(parameters)
    try:
        yield
    finally:
        _given.reset(before)


def _values(name: str) -> Sequence[str]:
    given = _given.get()
    return st.query_params.get_all(name) if given is None else given.get(name, ())


def read(name: str, default: str = "") -> str:
    """One parameter of the URL; the default if it is not there or too long to be meant."""
    values = _values(name)
    return values[-1] if values and len(values[-1]) <= LONGEST_VALUE else default


def read_all(name: str) -> tuple[str, ...]:
    """Every value of a parameter that may stand in the URL more than once."""
    found = _values(name)
    return tuple(one for one in found[:MOST_REPEATED] if one and len(one) <= LONGEST_VALUE)


def write(**values: str | Sequence[str] | None) -> None:
    """Set parameters; None or nothing removes one, several texts stand there several times."""
    for name, value in values.items():
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


def carry(**extra: str | list[str]) -> dict[str, str | list[str]]:
    """Parameters for a link to another page: the range and the filters, and `extra`, which wins.

    An empty text in `extra` takes a filter away.
    """
    kept: dict[str, str | list[str]] = {
        name: st.query_params[name] for name in CARRIED if name in st.query_params
    }
    if "from" in extra:
        kept.pop("last", None)
    return {name: value for name, value in (kept | extra).items() if value}


def choice(
    name: str,
    options: Sequence[str],
    default: str,
    draw: Callable[..., object],
    *,
    label: str,
    names: Mapping[str, str] | None = None,
    **widget: object,
) -> str:
    """Let a person choose one of `options`, bound to the URL's parameter `name`.

    Args:
        draw: The widget: `st.selectbox`, `st.segmented_control`, `st.pills`.
        names: What to call an option; the option itself where it is not named.
        widget: More arguments of the widget.

    Returns:
        The option chosen. The default stands in no URL.
    """
    known = names or {}
    current = read(name, default)
    if current not in options:
        current = default
    key = f"url:{name}"

    def changed() -> None:
        value = st.session_state.get(key)
        write(**{name: None if value in (None, default) else str(value)})

    st.session_state[key] = current
    draw(
        label,
        list(options),
        key=key,
        on_change=changed,
        format_func=lambda option: known.get(option, option),
        **widget,
    )
    return current


def parse_moment(text: str) -> int | None:
    """Unix nanoseconds of `2026-11-22T17:03:00Z` (UTC, up to nanoseconds).

    None if it is not such a text, or a time that the store cannot hold: before 1970 or after 2105.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    seconds = int(moment.timestamp())
    if not 0 <= seconds < STORED_S:
        return None
    return seconds * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))


def write_moment(ns: int) -> str:
    """The text that `parse_moment` reads back, without digits that are 0."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    fraction = f"{ns % 1_000_000_000:09d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' + fraction if fraction else ''}Z"

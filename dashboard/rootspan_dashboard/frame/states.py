"""What a page says when it cannot show what was asked.

Nothing there, store away, query refused. Words, no traceback.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard
from zlib import crc32

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from rootspan_analysis.errors import AnalysisError
from rootspan_dashboard.reading.connection import drop_answers, store_url
from rootspan_dashboard.words.literal import escape, visible
from rootspan_store.client import store_errors
from rootspan_store.errors import StoreError, StoreRejected, StoreUnreachable

__all__ = ["code_words", "say_empty", "say_no_data", "told_in_words"]

_SECRETS = re.compile(r"://[^/@\s]+@")
TOO_SLOW, TOO_BIG, TOO_MANY, NO_TABLE, NO_DATABASE, DENIED = (
    {159, 160},
    {241, 396},
    {202},
    {60},
    {81},
    {164, 497, 516},
)


@contextmanager
def told_in_words() -> Iterator[None]:
    """Show errors of the store and of the engine as a card with the next step, instead of a traceback."""
    try:
        yield
    except StoreUnreachable as error:
        _card(
            "The store does not answer",
            f"Nothing answers at {store_url().base}. The dashboard keeps no data of its own.",
            [
                "Start it with `rootspan store` (or everything with `rootspan up`), then retry.",
                "If it runs elsewhere, start the dashboard with `--store http://host:port/otel`.",
            ],
            detail=str(error),
        )
    except StoreRejected as error:
        title = "The store refused the query"
        if error.code in NO_DATABASE | NO_TABLE:
            title = "The store has no tables yet"
        _card(title, *_advice(error.code), detail=str(error))
    except (AnalysisError, StoreError) as error:
        cause = error.__cause__
        if isinstance(cause, StoreError) or _is_clickhouses(cause):
            # The engine's client is the store's own: its errors are sorted here, by what to do.
            with told_in_words(), store_errors(store_url()):
                raise cause from error
        else:
            _card("This could not be answered", visible(str(error)), [], detail="")


def _is_clickhouses(error: BaseException | None) -> TypeGuard[Exception]:
    from clickhouse_connect.driver.exceptions import Error

    return isinstance(error, Error)


def say_no_data() -> None:
    """The store has no spans at all."""
    _card(
        "No telemetry yet",
        f"The store at {store_url().base} answers, but holds no spans.",
        [
            "Send some: point an OpenTelemetry exporter at the collector (OTLP/gRPC, port 4317).",
            "Or play a fleet with a planted fault: `rootspan demo --fault slow-gpu`.",
        ],
        detail="",
        button="Look again",
    )


def say_empty(title: str, text: str, steps: list[str] | None = None) -> None:
    """Nothing matches what was asked, and why that may be."""
    _card(title, text, steps or [], detail="", button=None)


def _advice(code: int | None) -> tuple[str, list[str]]:
    if code in TOO_SLOW:
        return "The query took longer than the store allows.", [
            "Choose a shorter range, or filter by a service."
        ]
    if code in TOO_BIG:
        return "The query needed more memory or rows than the store allows.", ["Choose a shorter range."]
    if code in TOO_MANY:
        return "The store is busy with other queries.", ["Wait a moment, then retry."]
    if code in NO_DATABASE | NO_TABLE:
        return (
            f"The database {store_url().database} or one of its tables does not exist.",
            [
                "The collector creates them when it starts; `rootspan migrate` does so without one.",
                "If there should be data, check the database's name in `--store`.",
            ],
        )
    if code in DENIED:
        return "This user may not run the query.", ["Check user and password in `--store`."]
    return f"ClickHouse error {code if code is not None else 'without a code'}.", [
        "Retry; if it stays, see the details."
    ]


def _card(title: str, text: str, steps: list[str], *, detail: str, button: str | None = "Retry") -> None:
    card, foot = st.container(), st.container()
    if button:
        try:
            foot.button(button, key=f"retry:{title}:{crc32(text.encode())}", on_click=drop_answers)
        except (
            StreamlitDuplicateElementKey
        ):  # another part of the page says the same; one button asks for all
            card.html(f'<div class="rs-note">{escape(title)}: see above</div>')
            return
    with card:
        _draw_card(title, text, steps, detail)


def _draw_card(title: str, text: str, steps: list[str], detail: str) -> None:
    items = "".join(f"<li>{code_words(step)}</li>" for step in steps)
    st.html(
        f'<div class="rs-state" role="status"><h3>{escape(title)}</h3><p>{escape(text)}</p>'
        f"{f'<ul>{items}</ul>' if items else ''}</div>"
    )
    if detail:
        with st.expander("Details"):
            st.code(visible(_SECRETS.sub("://…@", detail)), language=None, wrap_lines=True)


def code_words(step: str) -> str:
    """Our own words as HTML: escaped, and what stands between backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(step))

"""Draws tables: text as it was sent, numbers that sort as numbers and read with their unit."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from rootspan_dashboard.words.formats import NO_VALUE
from rootspan_dashboard.words.literal import visible

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig

RATE = "rate"
FORMULA = ("=", "+", "-", "@", "\t", "\r")

__all__ = [
    "count_column",
    "draw_table",
    "ms_column",
    "percent_column",
    "rate_column",
    "spark_column",
    "text_column",
    "to_csv",
]


def text_column(
    label: str, *, width: str | int | None = None, help_text: str | None = None
) -> "ColumnConfig":
    """Text."""
    return st.column_config.TextColumn(label, width=width, help=help_text)  # type: ignore[arg-type]


def ms_column(label: str, *, width: int | None = None, help_text: str | None = None) -> "ColumnConfig":
    """Milliseconds."""
    return st.column_config.NumberColumn(label, format="%.1f ms", width=width, help=help_text)


def rate_column(label: str, *, help_text: str | None = None) -> "ColumnConfig":
    """Events per second."""
    return st.column_config.NumberColumn(f"{label} (/s)", format="localized", help=help_text)


def percent_column(label: str, *, help_text: str | None = None) -> "ColumnConfig":
    """A share that is given in percent."""
    return st.column_config.NumberColumn(label, format="%.2f %%", help=help_text)


def count_column(label: str, *, width: int | None = None, help_text: str | None = None) -> "ColumnConfig":
    """Whole things."""
    return st.column_config.NumberColumn(label, format="localized", width=width, help=help_text)


def spark_column(label: str, *, width: str | int = "medium", help_text: str | None = None) -> "ColumnConfig":
    """A small line over time, from zero."""
    return st.column_config.AreaChartColumn(label, y_min=0, help=help_text, width=width)  # type: ignore[arg-type]


def draw_table(
    frame: pd.DataFrame,
    columns: Mapping[str, "ColumnConfig"],
    *,
    key: str,
    height: int | None = None,
    on_row: Callable[[int], None] | None = None,
) -> None:
    """Draw it, without columns of which nothing is known, and a button that downloads all of it as CSV.

    Args:
        height: Pixels; by default as tall as its rows, up to ten of them.
        on_row: Called with the place in `frame` of a row that a person selects.
    """

    def selected() -> None:
        selection = st.session_state[key]["selection"]
        rows = [*selection["rows"], *(row for row, _ in selection["cells"])]
        if rows and on_row is not None:
            on_row(rows[0])

    shown: dict[str, Any] = {"height": height} if height else {}
    if on_row is not None:
        shown |= {"on_select": selected, "selection_mode": ["single-row", "single-cell"]}
    st.dataframe(
        rounded(readable(frame)),
        column_config=dict(columns),
        column_order=[name for name in columns if frame.empty or not frame[name].isna().all()],
        hide_index=True,
        placeholder=NO_VALUE,
        key=key,
        **shown,
    )
    with st.container(horizontal=True, horizontal_alignment="right", key=f"{key}:download"):
        st.download_button(
            "CSV",
            lambda: to_csv(frame),
            f"rootspan-{key.replace(':', '-')}.csv",
            "text/csv",
            key=f"{key}:csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="Download this table: numbers in full, text as it was sent",
        )


def to_csv(frame: pd.DataFrame) -> bytes:
    """The table as CSV. Text that a spreadsheet would run as a formula gets an apostrophe before it."""

    def harmless(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value[:1] in FORMULA else value

    texts = {
        name: frame[name].map(harmless) for name in frame.columns if frame[name].dtype.kind not in "iufbM"
    }
    return frame.assign(**texts).to_csv(index=False).encode()


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with rates of four digits that count: 2,632 and 0.0513."""
    rates = {
        name: frame[name].map(lambda value: float(f"{value:.4g}")) for name in frame.columns if name == RATE
    }
    return frame.assign(**rates)


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with every text made visible (see words/literal.py)."""

    def shown(value: Any) -> Any:
        return visible(value) if isinstance(value, str) else value

    texts = {name: frame[name].map(shown) for name in frame.columns if frame[name].dtype.kind not in "iufbM"}
    return frame.assign(**texts)

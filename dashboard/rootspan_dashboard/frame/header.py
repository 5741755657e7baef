"""What every page has on top: its title, the range of time, reload and auto-refresh."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import streamlit as st

from rootspan_analysis.views.fleet import Extent, fetch_extent
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.frame.links import PageName, link_to
from rootspan_dashboard.frame.states import say_no_data
from rootspan_dashboard.frame.time_range import Chosen, draw_range_picker, resolve_range
from rootspan_dashboard.frame.url_state import read, write
from rootspan_dashboard.reading.connection import ask, drop_answers
from rootspan_dashboard.words.formats import format_time
from rootspan_dashboard.words.literal import escape

__all__ = ["Opening", "View", "open_page", "refresh_every_s", "timed_run"]

REFRESH_S: Final = {"15s": 15, "1m": 60}
REST: Final = 3.0
"""Between two refreshes a page rests at least so many times as long as its last run took."""
_RUN_S: Final = "rootspan:run"
"""Where a viewer's session keeps that."""


def _nothing(_: TimeSpan) -> None:
    """What a page asks first that asks nothing."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a page before its script runs.

    Attributes:
        default_range: Name of the preset that it shows when its address names none.
        ask_first: Begins to ask what it shows first, of this range; returns at once (`ask_ahead`). May read
            the address. May be called before the page's script runs, and again by it.
    """

    default_range: str
    ask_first: Callable[[TimeSpan], None] = _nothing


class View:
    """What a page needs to know of its surroundings: the range, and the extent of the data."""

    __slots__ = ("chosen", "extent")

    def __init__(self, extent: Extent, chosen: Chosen) -> None:
        self.extent = extent
        self.chosen = chosen

    @property
    def span(self) -> TimeSpan:
        """The range shown."""
        return self.chosen.span

    def covered_s(self, span: TimeSpan | None = None) -> float:
        """Seconds of the range in which there can be data."""
        return (span or self.span).covered_s(self.extent.first_ns, self.extent.last_ns)


def open_page(title: str, opening: Opening, *, parent: PageName | None = None) -> View | None:
    """Draw the page's head and begin to ask; None, with the reason told, when the store has no spans at all.

    Args:
        parent: The page to which a link leads back, for pages that the sidebar does not list.

    Raises:
        StoreUnreachable, StoreRejected: The store did not answer.
    """
    head = st.container(horizontal=True, vertical_alignment="center", key="head")
    if parent is not None:
        with head:
            link_to(parent, parent, icon=":material/arrow_back:")
    head.html(f'<h1 class="rs-title">{escape(title)}</h1>', width="content")
    extent = ask(fetch_extent)
    if extent is None:
        say_no_data()
        return None
    chosen = resolve_range(extent, default=opening.default_range)
    opening.ask_first(chosen.span)
    with head:
        if chosen.stale:
            newest = escape(format_time(extent.last_ns, date=True))
            st.html(f'<span class="rs-note">newest data {newest} UTC</span>', width="content")
        st.space("stretch")
        draw_range_picker(chosen, default=opening.default_range)
        _draw_refresh()
    if chosen.problem:
        st.warning(f"{chosen.problem} Showing the last {chosen.preset} instead.")
    return View(extent, chosen)


def _draw_refresh() -> None:
    st.button("", icon=":material/refresh:", key="reload", help="Ask the store again", on_click=drop_answers)
    every = read("refresh")
    names = {"": "off", "15s": "every 15 s", "1m": "every 1 min"}
    st.session_state["url:refresh"] = every if every in names else ""

    def changed() -> None:
        write(refresh=st.session_state.get("url:refresh") or None)

    st.selectbox(
        "Refresh",
        list(names),
        key="url:refresh",
        format_func=lambda one: f"Refresh: {names[one]}",
        on_change=changed,
        label_visibility="collapsed",
        width=170,
    )
    if every in REFRESH_S:
        _tick(refresh_every_s(REFRESH_S[every], st.session_state.get(_RUN_S, 0.0)))


def refresh_every_s(asked_s: float, run_s: float) -> float:
    """How often a page is run again: as asked, and less often where its runs take long (a busy store)."""
    return max(asked_s, (1 + REST) * run_s)


@contextmanager
def timed_run() -> Iterator[None]:
    """Around the run of a page: notes how long it took."""
    began_s = time.monotonic()
    yield
    st.session_state[_RUN_S] = time.monotonic() - began_s


def _tick(every_s: float) -> None:
    """Run the page again every so often; the page itself runs first."""
    st.session_state["ticked"] = False

    @st.fragment(run_every=every_s)
    def tick() -> None:
        if st.session_state.get("ticked"):
            st.rerun()
        st.session_state["ticked"] = True

    tick()

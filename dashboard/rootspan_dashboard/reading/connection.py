"""The dashboard's way to the store: one client for all viewers, short-lived answers, errors sorted by what
to do.

A client is made when first needed and dropped when the store stops answering, so that the next run connects
anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self, TypeVar

import streamlit as st

from rootspan_analysis.views.cost import fetch_gpu_time, fetch_served
from rootspan_analysis.views.fleet import (
    fetch_fleet_series,
    fetch_gauge_cells,
    fetch_gauge_names,
    fetch_group_series,
    fetch_group_totals,
    fetch_host_cells,
    fetch_totals,
)
from rootspan_analysis.views.hosts import fetch_host_gauges
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.trace_search import fetch_operations
from rootspan_dashboard.reading.kept import KeptAnswers
from rootspan_dashboard.settings import DashboardSettings
from rootspan_store.client import StoreUrl, connect, store_errors
from rootspan_store.errors import StoreUnreachable

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = [
    "ask",
    "ask_now",
    "ask_shared",
    "client",
    "drop_answers",
    "settings",
    "store_url",
]

ANSWER_TTL_S: Final = 15.0
"""How long an answer may be shown again.

Shorter than the minute of the rollups, longer than a person's clicks.
"""
BUSY_TTL_S: Final = 60.0
"""Likewise, of a store that takes seconds for it: those who look must not be what keeps it busy."""
NICE: Final = "os_threads_nice_value_query"
LAST_IN_LINE: Final = 19
"""Who looks must not slow ingest: where the store's CPUs are all in use, inserts and merges go before pages.

Needs CAP_SYS_NICE at the store; without it the store ignores the wish.
"""
MOST_ANSWERS: Final = 256
SHARED_TTL_S: Final = 60.0
MOST_SHARED: Final = 8
"""Traces of up to 200,000 spans are kept so: some 80 MB each at most.
"""
KEPT_ANSWERS: Final = "rootspan:answers"
"""Where a viewer's session keeps the engine's answers (reading/answers.py)."""
P = ParamSpec("P")
R = TypeVar("R")


@cache
def settings() -> DashboardSettings:
    """The settings, from this process's environment."""
    return DashboardSettings()


def store_url() -> StoreUrl:
    """Where the store is."""
    return StoreUrl.parse(settings().store)


@st.cache_resource(show_spinner=False)
def _client(url: str, patience: float = 1.0) -> "Client":
    found = connect(url, timeout_s=settings().query_timeout_s * patience, connect_timeout_s=3.0)
    if (known := found.server_settings.get(NICE)) is not None and not known.readonly:
        found.set_client_setting(NICE, LAST_IN_LINE)
    return found


def client(*, patience: float = 1.0) -> "Client":
    """The client, connected when first needed.

    Args:
        patience: How many times longer than usual a query may take.

    Raises:
        StoreUnreachable: Nothing answers.
    """
    return _client(settings().store, patience)


BY_MINUTE: Final[frozenset[Callable[..., Any]]] = frozenset(
    {
        fetch_fleet_series,
        fetch_gauge_cells,
        fetch_gauge_names,
        fetch_gpu_time,
        fetch_group_series,
        fetch_group_totals,
        fetch_host_cells,
        fetch_host_gauges,
        fetch_operations,
        fetch_served,
        fetch_totals,
    }
)
"""What reads the rollups alone, which know whole minutes: ranges of the same minutes have the same answer."""


@dataclass(frozen=True, slots=True)
class _Call:
    function: str
    arguments: tuple[object, ...]
    named: tuple[tuple[str, object], ...]

    @classmethod
    def of(cls, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Self:
        """What makes two questions equal."""
        if function in BY_MINUTE:
            arguments = tuple(one.minutes if isinstance(one, TimeSpan) else one for one in arguments)
        name = f"{function.__module__}.{function.__qualname__}"
        return cls(name, arguments, tuple(sorted(named.items())))


_kept = KeptAnswers(least_s=ANSWER_TTL_S, longest_s=BUSY_TTL_S, most=MOST_ANSWERS)


def _answer(url: str, call: _Call, function: Callable[..., Any]) -> Any:
    with store_errors(StoreUrl.parse(url)):
        return function(_client(url), *call.arguments, **dict(call.named))


def ask(function: "Callable[Concatenate[Any, P], R]", *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a read model with the client; equal questions share an answer for 15 s, of a busy store longer.

    Args:
        function: Takes the client first; the other arguments are plain values and frozen dataclasses.

    Returns:
        What all viewers get: not to be changed.

    Raises:
        StoreUnreachable: Nothing answers. The client was dropped, so the next call connects again.
        StoreRejected: The store refused the query.
    """
    call = _Call.of(function, args, kwargs)
    try:
        url = settings().store
        result: R = _kept.get((url, call), lambda: _answer(url, call, function))
    except StoreUnreachable:
        _client.clear()
        raise
    return result


@st.cache_resource(ttl=SHARED_TTL_S, max_entries=MOST_SHARED, show_spinner=False)
def _shared(url: str, call: _Call, _function: Callable[..., Any]) -> Any:
    with store_errors(StoreUrl.parse(url)):
        return _function(_client(url), *call.arguments, **dict(call.named))


def ask_shared(function: "Callable[Concatenate[Any, P], R]", *args: P.args, **kwargs: P.kwargs) -> R:
    """As `ask`, for large answers: kept for a minute, one object for all viewers that nobody changes."""
    call = _Call.of(function, args, kwargs)
    try:
        result: R = _shared(settings().store, call, function)
    except StoreUnreachable:
        _client.clear()
        raise
    return result


def ask_now(function: "Callable[Concatenate[Any, P], R]", *args: P.args, **kwargs: P.kwargs) -> R:
    """As `ask`, but never an answer that was given before: for what follows the store live."""
    try:
        with store_errors(store_url()):
            return function(client(), *args, **kwargs)
    except StoreUnreachable:
        _client.clear()
        raise


def drop_answers() -> None:
    """Forget all answers, the engine's too: the next run asks the store."""
    _kept.clear()
    _shared.clear()
    st.session_state.pop(KEPT_ANSWERS, None)

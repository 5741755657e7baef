"""Keeps for as long as it is let: the loop around a keeper, for a thread of a collector and for a command."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rootspan_store.errors import StoreError
from rootspan_store.keeping.keeper import Keeper, KeptWindow
from rootspan_store.keeping.windows import LONGEST_S
from rootspan_store.settings import RetentionSettings

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["keep_until"]

_EVERY_S = 60.0


def keep_until(
    wait: Callable[[float], bool],
    open_client: Callable[[], "Client"],
    settings: RetentionSettings,
    *,
    holder: str,
    on_window: Callable[[KeptWindow], None] = lambda kept: None,
    on_trouble: Callable[[StoreError], None] = lambda error: None,
) -> None:
    """Deal with windows as they close; return when told to stop, between two windows.

    Args:
        wait: Waits so many seconds; returns early and true when it is time to stop.
        open_client: Called again after an error.
        holder: See `Keeper`; the same at the next start, so that a window begun is gone on with at once.
        on_trouble: Called for each error of the store; it is tried again a minute later.
    """
    client: Client | None = None
    every_s = min(_EVERY_S, settings.quiet_s)
    try:
        while not wait(every_s):
            try:
                client = client or open_client()
                keeper = Keeper(client, settings, holder=holder)
                while (kept := keeper.keep_next(at_least_s=min(LONGEST_S, settings.quiet_s))) is not None:
                    on_window(kept)
                    if wait(0):
                        return
            except StoreError as error:
                on_trouble(error)
                if client is not None:
                    client.close()
                client = None
    finally:
        if client is not None:
            client.close()

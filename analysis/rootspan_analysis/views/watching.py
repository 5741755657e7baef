"""Whether somebody watches: without a watcher, no open incident does not mean a healthy fleet."""

from typing import Final

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.statements import ArrowClient, run_statement

__all__ = ["ALIVE_NS", "fetch_watcher_seen"]

ALIVE_NS: Final = 60 * NS_PER_S
"""A watcher that said nothing for this long is taken for gone; it speaks every few seconds."""


def fetch_watcher_seen(client: ArrowClient) -> int | None:
    """When a watcher last said that it lives, unix nanoseconds; None if none has."""
    rows = run_statement(client, "watchers").to_pylist()
    return int(rows[0]["seen_ns"]) or None if rows else None

"""Which tables a statement reads: the raw ones themselves, while they hold all of its range.

The views that readers read (`rootspan_store.whole_views`) tell raw rows from kept ones by when each arrived,
so that column is read of every row, before any other: two thirds of what counting a fleet's spans costs. A
span arrives after it began, so a range that begins later than the views' moment lies in the raw tables alone.
"""

import re
import time
from importlib.resources import files
from typing import Final
from weakref import WeakKeyDictionary

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.reader import Reader, Value
from rootspan_store.whole_views import WHOLE_VIEWS

__all__ = ["in_range"]

AHEAD_S: Final = 3600
"""So far may clocks of senders run ahead."""
ASKED_AGAIN_S: Final = 300.0
"""The views' moment moves when the store's settings do, which is rare."""
_VIEWS: Final = re.compile(rf"\b(?:{'|'.join(WHOLE_VIEWS)})\b")
_known: WeakKeyDictionary[Reader, tuple[float, int]] = WeakKeyDictionary()


def in_range(client: Reader, text: str, from_ns: Value | None) -> str:
    """The statement with raw tables in place of the views, if its range begins late enough; else as it is."""
    if not isinstance(from_ns, int) or not _VIEWS.search(text):
        return text
    if from_ns < time.time_ns() + (AHEAD_S - _raw_s(client)) * NS_PER_S:
        return text
    return _VIEWS.sub(lambda found: WHOLE_VIEWS[found[0]][0], text)


def _raw_s(client: Reader) -> int:
    """Seconds since which what arrived is read from raw tables; 0 if the store does not say (clusters)."""
    asked_s, raw_s = _known.get(client, (time.monotonic() - ASKED_AGAIN_S, 0))
    if time.monotonic() - asked_s >= ASKED_AGAIN_S:
        text = files("rootspan_analysis.views").joinpath("sql", "raw_seconds.sql").read_text(encoding="utf-8")
        found = client.query_arrow(text, parameters={"view": next(iter(WHOLE_VIEWS))}).to_pylist()
        raw_s = found[0]["raw_s"] if found else 0
        _known[client] = time.monotonic(), raw_s
    return raw_s

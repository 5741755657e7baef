"""One of several watchers acts: the one that has been there longest and still says that it lives.

ClickHouse compares and sets nothing, so there is no lock. A newcomer can never take over from one that lives;
two that begin within the same moment may both act once, which does no harm, since an incident's id follows
from what was found.
"""

import os
import socket
from collections.abc import Mapping

from rootspan_analysis.rows import Client, rows_of, timestamp, write
from rootspan_analysis.watch.queries import run

__all__ = ["BEAT_S", "DEAD_S", "Lease", "holder_name"]

BEAT_S = 10.0
DEAD_S = 35.0
"""Three beats and a little; machines' clocks are taken to agree to a few seconds."""
_NAME = "incidents"


def holder_name() -> str:
    """This process, in words that tell it from others."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"


class Lease:
    """One watcher's claim. For one thread."""

    def __init__(self, client: Client, holder: str) -> None:
        self._client, self._holder = client, holder
        self._since_ns = 0
        self._beat_ns = 0
        self._is_held = False

    def renew(self, now_ns: int) -> bool:
        """Say that this watcher lives (every `BEAT_S`), and return whether it is the one that acts.

        Raises:
            StoreError: The store did not answer: nobody may act.
        """
        if self._since_ns and now_ns - self._beat_ns < BEAT_S * 1e9:
            return self._is_held
        # One that was away for longer than others wait begins anew, behind whoever took over.
        if not self._since_ns or now_ns - self._beat_ns > DEAD_S * 1e9:
            self._since_ns = now_ns
        self._is_held = False
        write(self._client, "rootspan_watchers", [self._row(now_ns)])
        self._beat_ns = now_ns
        alive_ns = now_ns - int(DEAD_S * 1e9)
        first = rows_of(run(self._client, "watcher", {"name": _NAME, "alive_ns": alive_ns}))
        self._is_held = bool(first) and first[0]["holder"] == self._holder
        return self._is_held

    def release(self, now_ns: int) -> None:
        """Let the next one act at once.

        Raises:
            StoreError: The store did not answer; others will wait for `DEAD_S`.
        """
        if self._since_ns:
            self._is_held, self._since_ns = False, 0
            write(self._client, "rootspan_watchers", [{**self._row(now_ns), "Since": timestamp(0)}])

    def _row(self, now_ns: int) -> Mapping[str, object]:
        return {
            "Name": _NAME,
            "Holder": self._holder,
            "Since": timestamp(self._since_ns),
            "Seen": timestamp(now_ns),
        }

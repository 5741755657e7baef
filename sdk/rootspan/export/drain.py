"""Sends what waits on disk, on a thread of its own.

Owns when: at the start, again and again while the collector is away, and at the end as far as time allows.
Exists only where a spool is configured.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry import context

from rootspan.export.ledger import Ledger, Loss, Signal
from rootspan.export.transport import Failure

if TYPE_CHECKING:
    from rootspan.export.spool import Spool

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
Send = Callable[[Signal, bytes], Failure | None]


class Drain:
    """Empties a spool. `send` makes one attempt at a request and says why it failed, or None."""

    def __init__(self, spool: Spool, ledger: Ledger, send: Send) -> None:
        self._spool, self._ledger, self._send = spool, ledger, send
        self._reset()

    def _reset(self) -> None:
        self._wake, self._done = threading.Event(), threading.Event()
        self._closing = self._is_idle = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="rootspan-spool", daemon=True).start()

    def wake(self) -> None:
        """Something was put on disk. While the collector is away, that is no reason to hurry."""
        if self._is_idle:
            self._wake.set()

    def close(self) -> threading.Event:
        """Try once more and stop. Returns the event that says it is done."""
        self._closing = True
        self._wake.set()
        return self._done

    def after_fork_in_child(self) -> None:
        """Go on in the child, too: it has what it puts on disk, and shares what lies there."""
        self._reset()
        self.start()

    def _run(self) -> None:
        wake, done = self._wake, self._done
        context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
        pause_s = FIRST_PAUSE_S
        while True:
            is_last = self._closing
            is_away = not self._empty()
            if is_last:
                break
            self._is_idle = not is_away
            wake.wait(pause_s if is_away else LONGEST_PAUSE_S)
            wake.clear()
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2) if is_away else FIRST_PAUSE_S
        done.set()

    def _empty(self) -> bool:
        """Send all that waits, oldest first; False when the collector is away."""
        for path in self._spool.waiting():
            with self._spool.claim(path) as request:
                if request is None:
                    continue
                failure = self._send(request.signal, request.body)
                if failure is None:
                    request.remove()
                    self._ledger.recovered(request.signal, request.n_items)
                    continue
                self._ledger.failed(failure.error)
                if failure.retryable:
                    return False
                request.remove()
                self._ledger.dropped(request.signal, Loss.REFUSED, request.n_items)
        return True

"""A thread that looks after what the whole collector shares, once a second."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Caretaker"]

_EVERY_S = 1.0


class Caretaker:
    """Calls `look_after` every second from `start` to `stop`."""

    def __init__(self, look_after: Callable[[], None]) -> None:
        self._look_after = look_after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it has ended. Safe to call before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._look_after()

"""A thread that commits for those who do not wait for it themselves. Started by the first of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

__all__ = ["Committer"]


class Committer:
    """Calls `commit` after each `wake`; once for all that come while it runs. `commit` must not raise."""

    def __init__(self, commit: Callable[[], None], name: str) -> None:
        self._commit = commit
        self._bell = threading.Lock()
        self._bell.acquire()
        self._starting = threading.Lock()
        self._is_stopping = False
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wake(self) -> None:
        """Have a commit made that begins after this call. Returns at once, but after `stop` commits here."""
        if self._thread.ident is None:
            self._start()
        if self._bell.locked():
            with contextlib.suppress(RuntimeError):  # another one was quicker
                self._bell.release()
        if self._is_over:
            self._commit()

    def _start(self) -> None:
        with self._starting:
            if self._thread.ident is None and not self._is_over:
                self._thread.start()

    def stop(self) -> None:
        """End the thread after one last commit; return when it has ended. Safe if it never began."""
        self._is_stopping = True
        with self._starting:
            self._is_over = self._thread.ident is None
        if not self._is_over:
            self.wake()
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._bell.acquire()
            # Set before the last commit: who comes before it is in that one, who comes after makes his own.
            self._is_over = self._is_stopping
            self._commit()
            if self._is_over:
                return

"""Workers ask each other for their accounts, so that whichever is asked can answer for all.

Each listens on a Unix socket in the shared folder, which only their own user can reach. Whoever connects
is told the accounts, a line each, and hung up on.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rootspan_collector.account import Account, Roll
from rootspan_collector.workers.crew import Crew

__all__ = ["Siblings"]

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 2.0


class Siblings:
    """One worker's line to the others; without others it does nothing.

    Args:
        crew: Which worker this is.
        own: Its accounts: its own, then those of logs that it drains.
    """

    def __init__(self, crew: Crew, own: Callable[[], Sequence[Account]]) -> None:
        self._crew = crew
        self._own = own
        self._listener: socket.socket | None = None

    def call_roll(self) -> Roll:
        """Ask all for their accounts; those that do not answer within 2 s are away."""
        found, away = [*self._own()], []
        for number in self._crew.others:
            try:
                found += self._ask(number)
            except (OSError, ValueError, KeyError, TypeError):
                away.append(str(number))
        return Roll(tuple(sorted(found, key=lambda one: int(one.worker or 0))), tuple(away))

    def _ask(self, number: int) -> list[Account]:
        with socket.socket(socket.AF_UNIX) as line, _short(self._crew.shared) as folder:
            line.settimeout(_TIMEOUT_S)
            line.connect(f"{folder}/{number}.sock")
            with line.makefile("rb") as answer:
                accounts = [Account.from_json(text) for text in answer]
        if not accounts:
            raise ValueError(f"worker {number} said nothing")
        return accounts

    def start(self) -> None:
        """Answer others from now on."""
        if self._crew.is_alone:
            return
        self._listener = socket.socket(socket.AF_UNIX)
        path = self._crew.shared / f"{self._crew.number}.sock"
        path.unlink(missing_ok=True)  # of one that was killed
        with _short(self._crew.shared) as folder:
            self._listener.bind(f"{folder}/{path.name}")
        path.chmod(0o600)
        self._listener.listen()
        threading.Thread(target=self._answer, args=(self._listener,), name="siblings", daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more. Safe before `start`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return  # stopped
            try:
                with line:
                    line.settimeout(_TIMEOUT_S)
                    line.sendall(b"".join([one.to_json() for one in self._own()]))
            except OSError as err:
                _LOG.debug("a sibling hung up: %s", err)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A name of the folder that is short: a Unix socket's may have 107 bytes."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)

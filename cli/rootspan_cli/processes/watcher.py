"""Supervises from a thread, for a command that has work of its own to do meanwhile."""

import threading
from types import TracebackType
from typing import Self

from rootspan_cli.processes.supervisor import PartFailed, Supervisor

__all__ = ["Watcher"]


class Watcher:
    """A context manager: within it dead parts are restarted. Does not stop the parts."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._failed: PartFailed | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._supervisor.watch(self._stop)
        except PartFailed as err:
            self._failed = err
        finally:
            self._ended.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait; return after `timeout_s`, or never.

        Raises:
            PartFailed: A part keeps dying.
        """
        self._ended.wait(timeout_s)
        if self._failed is not None:
            raise self._failed

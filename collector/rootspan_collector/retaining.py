"""A thread that keeps what matters in one store, once its schema is there. The work is rootspan_store's."""

from __future__ import annotations

import logging
import threading

from rootspan_collector.schema_gate import SchemaGate
from rootspan_store.client import StoreUrl, connect
from rootspan_store.errors import StoreError, StoreUnreachable
from rootspan_store.keeping import keep_until
from rootspan_store.settings import RetentionSettings

__all__ = ["Retainer"]

_LOG = logging.getLogger(__name__)
# A window takes seconds; what is cut off is gone on with by the next start, or by another collector.
_STOP_WITHIN_S = 5.0


class Retainer:
    """Keeps from `start` to `stop`, unless the settings say that nothing is kept."""

    def __init__(
        self, store: StoreUrl, gate: SchemaGate, settings: RetentionSettings, *, holder: str
    ) -> None:
        self._store = store
        self._gate = gate
        self._settings = settings
        self._holder = holder
        self._stopping = threading.Event()
        self._is_in_trouble = False
        self._thread = threading.Thread(target=self._run, name="retainer", daemon=True)

    def start(self) -> None:
        """Start the thread, if there is anything for it to do."""
        if self._settings.keep:
            self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it has ended, or after 5 s. Safe to call before `start`."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_WITHIN_S)

    def _run(self) -> None:
        keep_until(
            self._wait,
            lambda: connect(self._store),
            self._settings,
            holder=self._holder,
            on_window=lambda kept: self._tell(None),
            on_trouble=self._tell,
        )

    def _wait(self, seconds: float) -> bool:
        while not self._stopping.wait(seconds):
            if self._gate.is_open:
                return False
        return True

    def _tell(self, error: StoreError | None) -> None:
        """Say that trouble begins or ends, not that it goes on: the store may be away for hours."""
        if error is not None and not self._is_in_trouble:
            level = logging.INFO if isinstance(error, StoreUnreachable) else logging.ERROR
            _LOG.log(level, "what matters waits to be kept: %s", error)
        self._is_in_trouble = error is not None

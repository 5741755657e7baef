"""Holds inserts back until the store has the tables: runs the migrations once, if told to.

Migrating is rootspan_store's; this only decides when, and that one thread does it while the others wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rootspan_store.errors import StoreError, StoreUnreachable

__all__ = ["SchemaGate"]

_LOG = logging.getLogger(__name__)


class SchemaGate:
    """Calls `migrate` before the first insert, again until it succeeds, then never more.

    None: the schema is there.
    """

    def __init__(self, migrate: Callable[[], None] | None) -> None:
        self._migrate = migrate
        self._lock = threading.Lock()
        self._is_open = migrate is None

    @property
    def is_open(self) -> bool:
        """Whether the schema is known to be there."""
        return self._is_open

    def ensure(self) -> None:
        """Return once the schema is there.

        Raises StoreUnreachable, whatever the reason is: waiting is all there is to do.
        """
        if self._is_open:
            return
        with self._lock:
            if self._is_open or self._migrate is None:
                return
            try:
                self._migrate()
            except StoreError as err:
                raise StoreUnreachable(f"the store's schema is not ready: {err}") from err
            self._is_open = True
            _LOG.info("the store's schema is ready")

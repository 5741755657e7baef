"""The log folder: who owns it, and the collector's identity in it.

One process at a time (flock, which the kernel drops when the process dies). The identity is made once, with
the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from pathlib import Path

from rootspan_collector.errors import ConfigurationError, LogCorrupt, LogLocked
from rootspan_collector.wal.disk import write_durably

__all__ = ["WalFolder"]

_FORMAT = 3


class WalFolder:
    """An owned log folder. Created if missing; `close` gives it up.

    Raises:
        LogLocked: Another process has it.
        LogCorrupt: It was written by a newer program, or its identity is unreadable.
        ConfigurationError: It cannot be created or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.quarantine = path / "quarantine"
        try:
            self.quarantine.mkdir(parents=True, exist_ok=True)
            self._lock_fd = os.open(path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        except OSError as err:
            raise ConfigurationError(
                f"log folder {path} cannot be used: {err.strerror}; choose another with "
                "ROOTSPAN_COLLECTOR_WAL"
            ) from err
        try:
            self._take_lock()
            self.collector_id = self._load_identity()
        except BaseException:
            os.close(self._lock_fd)
            raise

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            owner = os.pread(self._lock_fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise LogLocked(
                f"log folder {self.path} belongs to another collector (pid {owner}); "
                "stop that one, or give this one its own folder with ROOTSPAN_COLLECTOR_WAL"
            ) from err
        os.ftruncate(self._lock_fd, 0)
        os.pwrite(self._lock_fd, f"{os.getpid()}\n".encode(), 0)

    def _load_identity(self) -> str:
        path = self.path / "collector.json"
        try:
            fields = json.loads(path.read_bytes())
            version, collector_id = int(fields["format"]), str(fields["collector_id"])
        except FileNotFoundError:
            collector_id = secrets.token_hex(8)
            try:
                made = {"format": _FORMAT, "collector_id": collector_id, "created_unix_ns": time.time_ns()}
                write_durably(path, json.dumps(made).encode() + b"\n")
            except OSError as err:
                raise ConfigurationError(f"log folder {self.path} cannot be written: {err.strerror}") from err
            return collector_id
        except (KeyError, TypeError, ValueError) as err:
            raise LogCorrupt(f"{path} cannot be understood: {err!r}; restore it from a backup") from err
        if version != _FORMAT:
            raise LogCorrupt(
                f"log folder {self.path} has format {version}, this program reads {_FORMAT}: let the "
                "rootspan that wrote it drain it, or give this one its own folder with ROOTSPAN_COLLECTOR_WAL"
            )
        if len(collector_id) != 16 or not collector_id.isalnum():
            raise LogCorrupt(
                f"{path}: collector_id {collector_id!r} is not 16 hex digits; restore it from a backup"
            )
        return collector_id

    def close(self) -> None:
        """Give the folder up. Safe to call twice."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

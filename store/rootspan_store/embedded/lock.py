"""One store process a data folder: an advisory lock that ends with the process, however it ends."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from rootspan_store.errors import DataFolderLocked

__all__ = ["FolderLock"]


class FolderLock:
    """Holds `store.lock` in a folder; the kernel frees it when the process dies, SIGKILL included."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            DataFolderLocked: Another process has it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "store.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise DataFolderLocked(
                f"{self._folder} is in use by the store with process id {holder}; stop that one, "
                "or choose another folder with --data (ROOTSPAN_STORE_DATA)"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

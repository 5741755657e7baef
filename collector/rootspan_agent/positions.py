"""Remembers how far each source has been sent, over restarts of the agent and of the machine.

Owns a SQLite file in the state folder, and the exclusive right to it. `commit` returns only after fsync.
What is being sent is written down before it leaves: after a crash the same bytes are made again, and the
collector, which recognises a request that it has taken within ten minutes, does not count them twice.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rootspan_agent.errors import StateError

__all__ = ["FilePosition", "FileSlice", "JournalSlice", "KnownFile", "Plan", "Positions"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (device INTEGER, inode INTEGER, path TEXT, host TEXT, head INTEGER,
    head_bytes INTEGER, offset INTEGER, PRIMARY KEY (device, inode)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far a file has been sent.

    Attributes:
        device, inode: Which file it is, whatever its name; a path names another one after a rotation.
        head, head_bytes: CRC-32 of its first bytes, since inodes are used again and files are emptied.
        offset: Bytes sent.
    """

    device: int
    inode: int
    head: int
    head_bytes: int
    offset: int


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Bytes of a file that are sent together: from `position.offset` to `end`."""

    path: str
    host: str
    position: FilePosition
    end: int

    def after(self) -> FilePosition:
        """The position behind it."""
        return replace(self.position, offset=self.end)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file, the name under which it was last seen, and how far it was sent."""

    path: str
    host: str
    position: FilePosition


@dataclass(frozen=True, slots=True)
class JournalSlice:
    """Entries of the journal that are sent together: the `count` after one cursor, up to another."""

    after: str
    count: int
    last: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one request holds.

    Attributes:
        observed_ns: When it was read, unix nanoseconds.
        number: Differs between plans that would else be equal.
    """

    number: int
    observed_ns: int
    files: tuple[FileSlice, ...] = ()
    journal: JournalSlice | None = None


class Positions:
    """The file of positions. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Open it, and make it if it is not there.

        Raises:
            StateError: Another agent has it open, or it is no such file.
            OSError: The folder cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "positions.sqlite"
        self._at = path
        self._store = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            # One agent a folder: the lock is taken with the first write and held until the end.
            self._store.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._store.execute("PRAGMA synchronous = FULL")
            self._store.execute("BEGIN EXCLUSIVE")
            for statement in _SCHEMA.split(";"):
                self._store.execute(statement)
            self._store.execute("COMMIT")
        except sqlite3.OperationalError as err:
            self._store.close()
            raise StateError(
                f"{path} is in use: {err}; another agent runs on it, so stop it or choose another folder"
            ) from err
        except sqlite3.DatabaseError as err:
            self._store.close()
            raise StateError(
                f"{path} is damaged: {err}; move it away, and the agent begins as at its first start"
            ) from err

    def close(self) -> None:
        """Give it up."""
        self._store.close()

    @property
    def is_new(self) -> bool:
        """Whether no agent ever finished its first look at the files."""
        return self._fact("seen") == ""

    def remember(self, files: Iterable[KnownFile]) -> None:
        """Where to begin with files, before anything of them was sent. Durable."""
        with self._store:
            self._store.execute("BEGIN")
            self._put((one.path, one.host, one.position) for one in files)
            self._store.execute("INSERT OR REPLACE INTO facts VALUES ('seen', 'yes')")

    def files(self) -> list[KnownFile]:
        """All files of which something was sent, or that were there at the very first start."""
        rows = self._store.execute(
            "SELECT path, host, device, inode, head, head_bytes, offset FROM files"
        ).fetchall()
        return [KnownFile(path, host, FilePosition(*rest)) for path, host, *rest in rows]

    @property
    def journal(self) -> str:
        """Cursor of the last entry that was sent; empty before the first."""
        return self._fact("journal")

    def set_journal(self, cursor: str) -> None:
        """Where to begin with the journal. Durable."""
        self._store.execute("INSERT OR REPLACE INTO facts VALUES ('journal', ?)", (cursor,))

    @property
    def sending(self) -> Plan | None:
        """What an agent that died was sending; None if it was not."""
        text = self._fact("sending")
        return _plan(text) if text else None

    def begin(self, plan: Plan) -> None:
        """Write down what is about to be sent. Durable."""
        self._store.execute("INSERT OR REPLACE INTO facts VALUES ('sending', ?)", (json.dumps(asdict(plan)),))

    def commit(self, plan: Plan) -> None:
        """It is acknowledged: go on after it. Durable."""
        with self._store:
            self._store.execute("BEGIN")
            self._put((one.path, one.host, one.after()) for one in plan.files)
            if plan.journal is not None:
                self.set_journal(plan.journal.last)
            self._store.execute("DELETE FROM facts WHERE name = 'sending'")

    def forget(self, files: Iterable[FilePosition]) -> None:
        """Files that are gone, all of them sent."""
        self._store.executemany(
            "DELETE FROM files WHERE device = ? AND inode = ?", [(one.device, one.inode) for one in files]
        )

    def _put(self, files: Iterable[tuple[str, str, FilePosition]]) -> None:
        self._store.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (one.device, one.inode, path, host, one.head, one.head_bytes, one.offset)
                for path, host, one in files
            ],
        )

    def _fact(self, name: str) -> str:
        row = self._store.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""


def _plan(text: str) -> Plan:
    told = json.loads(text)
    files = tuple(
        FileSlice(one["path"], one["host"], FilePosition(**one["position"]), one["end"])
        for one in told["files"]
    )
    journal = JournalSlice(**told["journal"]) if told["journal"] else None
    return Plan(told["number"], told["observed_ns"], files, journal)

"""Reads the journal of systemd through `journalctl`, after a cursor. Owns that process while it lasts."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rootspan_agent.lines import SEVERITIES, Record

__all__ = ["Entry", "Journal"]

_COMMAND: Final = "journalctl"
_ANSWERS_WITHIN_S: Final = 30.0
Entry = Mapping[str, Any]
"""One entry, as `journalctl --output=json` writes it."""


class Journal:
    """This machine's journal, or that of a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._where = [f"--directory={folder}"] if folder is not None else []

    def works(self) -> bool:
        """Whether there is a journal with at least one entry that this user may read."""
        if shutil.which(_COMMAND) is None:
            return False
        return bool(self._run(["--lines=1"]))

    def last_cursor(self) -> str:
        """Cursor of the newest entry; empty if there is none."""
        entries = self._run(["--lines=1"])
        return str(entries[-1]["__CURSOR"]) if entries else ""

    def read(self, after: str, limit: int) -> list[Entry]:
        """The oldest entries after a cursor (empty: from the first one), at most `limit`. May be empty.

        Raises:
            OSError: There is no journalctl.
        """
        return self._run([f"--after-cursor={after}"] if after else [], limit)

    def _run(self, arguments: Sequence[str], limit: int = 1) -> list[Entry]:
        # It has no flag for "the first n" before version 254: it is ended once they are read.
        command = [_COMMAND, "--output=json", "--all", "--quiet", "--no-pager", *self._where, *arguments]
        found: list[Entry] = []
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    try:
                        found.append(json.loads(line))
                    except ValueError:
                        continue
                    if len(found) >= limit:
                        break
            finally:
                process.kill()
        return found


def record_of(entry: Entry) -> Record:
    """An entry as a log record."""
    number, word = SEVERITIES.get(_whole(entry.get("PRIORITY"), 6), (9, "INFO"))
    told: dict[str, str | int] = {}
    if entry.get("_PID"):
        told["process.pid"] = _whole(entry["_PID"], 0)
    if entry.get("_SYSTEMD_UNIT"):
        told["systemd.unit"] = str(entry["_SYSTEMD_UNIT"])
    from_kernel = entry.get("_TRANSPORT") == "kernel"
    return Record(
        body=_text(entry.get("MESSAGE")),
        time_ns=_whole(entry.get("__REALTIME_TIMESTAMP"), 0) * 1000,
        severity=number,
        severity_text=word,
        host=_text(entry.get("_HOSTNAME")),
        program="kernel" if from_kernel else _text(entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM")),
        attributes=told,
    )


def _whole(value: object, otherwise: int) -> int:
    text = str(value)
    return int(text) if text.isdigit() else otherwise


def _text(value: object) -> str:
    """A field; one that is no UTF-8 comes as a list of bytes, one that occurs twice as a list of texts."""
    if isinstance(value, list):
        if all(isinstance(one, int) for one in value):
            return bytes(value).decode(errors="replace")
        return " ".join(map(str, value))
    return "" if value is None else str(value)

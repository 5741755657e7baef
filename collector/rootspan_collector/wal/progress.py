"""What the log remembers of segments that are gone: one small file per signal, replaced durably.

A segment is done when this file says so; its own file may be deleted only afterwards.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rootspan_collector.errors import LogCorrupt
from rootspan_collector.wal.disk import write_durably
from rootspan_store.ingest import Signal

__all__ = ["Progress", "load_progress", "progress_path", "save_progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of all segments up to and including `done_seq`, in items.

    `refused` and `repeated` are as of the last save.
    """

    done_seq: int = 0
    accepted: int = 0
    stored: int = 0
    quarantined: int = 0
    refused: int = 0
    repeated: int = 0


def progress_path(folder: Path, signal: Signal) -> Path:
    """Return where a signal's progress is kept."""
    return folder / f"{signal}-progress.json"


def load_progress(folder: Path, signal: Signal) -> Progress:
    """Read a signal's progress; zeros when there is none. Raises LogCorrupt when it cannot be understood."""
    path = progress_path(folder, signal)
    try:
        fields = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Progress()
    except ValueError as err:
        raise LogCorrupt(
            f"{path} is no JSON ({err}); it says what the store already has, so it is not guessed: "
            "restore it from a backup, or move the log folder away and start with an empty one"
        ) from err
    try:
        return Progress(**{name: int(fields[name]) for name in Progress.__dataclass_fields__})
    except (KeyError, TypeError, ValueError) as err:
        raise LogCorrupt(f"{path} lacks a number: {err!r}; restore it from a backup") from err


def save_progress(folder: Path, signal: Signal, progress: Progress) -> None:
    """Replace a signal's progress; returns only after it is on the disk."""
    write_durably(progress_path(folder, signal), json.dumps(asdict(progress)).encode() + b"\n")

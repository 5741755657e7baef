"""Makes deduplication logs forget parts that never came to be. Runs before the engine starts; pure files.

ClickHouse notes an insert's block in the table's deduplication log and only then renames the part to its
final name (26.9, seen with strace). A process that is killed between the two leaves a log that claims a part
which does not exist: the insert, sent again under its token, would be taken for a repetition, and its rows
would be lost. The two steps of one table happen under one lock, so only the last part of a log can be such.
"""

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["forget_unborn_parts"]

log = logging.getLogger("rootspan.store")

# PARTITION_MINBLOCK_MAXBLOCK_LEVEL, and the version of a mutation.
_PART = re.compile(r"(?!tmp|delete)[^_]+_\d+_(?P<last>\d+)_\d+(?:_\d+)?")
_ADDED, _DROPPED = "1", "2"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A line of the log: this block is in that part."""

    part: str
    block_id: str
    number: int


def forget_unborn_parts(folder: Path) -> int:
    """Repair every table below the engine's folder; return how many parts were forgotten.

    Raises:
        OSError: A log cannot be read or written.
    """
    forgotten = 0
    for logs in sorted(folder.glob("store/*/*/deduplication_logs")):
        claims = _unborn(logs)
        if claims:
            _forget(logs, claims)
            log.warning(
                "%s: the last process was killed before part %s was in place; it can be inserted again",
                logs.parent,
                claims[0].part,
            )
            forgotten += 1
    return forgotten


def _files(logs: Path) -> list[Path]:
    """In the order of their numbers: deduplication_log_1.txt, …_2.txt."""
    named = [path for path in logs.glob("deduplication_log_*.txt") if path.stem.rpartition("_")[2].isdigit()]
    return sorted(named, key=lambda path: int(path.stem.rpartition("_")[2]))


def _unborn(logs: Path) -> list[_Claim]:
    """The claims on the log's last part, if that is younger than every part on the disk."""
    last: list[_Claim] = []
    for path in _files(logs):
        for line in _whole_lines(path):
            operation, part, block_id = line.split("\t")
            found = _PART.fullmatch(part)
            if found is None:
                continue
            claim = _Claim(part, block_id, int(found["last"]))
            if operation == _DROPPED:
                last = [one for one in last if one.block_id != block_id]
            elif operation == _ADDED and (not last or claim.number >= last[0].number):
                last = [one for one in last if one.number == claim.number] + [claim]
    if not last:
        return []
    born = [int(found["last"]) for path in logs.parent.iterdir() if (found := _PART.fullmatch(path.name))]
    return last if last[0].number > max(born, default=-1) else []


def _whole_lines(path: Path) -> list[str]:
    """The lines of a log. A torn last one, which the engine would go on writing behind, is cut off."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        os.truncate(path, end)
    return [line for line in data[:end].decode().split("\n") if line.count("\t") == 2]


def _forget(logs: Path, claims: list[_Claim]) -> None:
    lines = "".join(f"{_DROPPED}\t{one.part}\t{one.block_id}\n" for one in claims)
    with _files(logs)[-1].open("a", encoding="utf-8") as stream:
        stream.write(lines)
        stream.flush()
        os.fsync(stream.fileno())

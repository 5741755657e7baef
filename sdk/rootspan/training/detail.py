"""Which ranks send every phase and collective of a step, and how that changes while the job runs.

Owns the three answers (all, chosen ranks, suspects), their text form, and the control file. Step summaries
are not its concern: every rank always sends those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rootspan.errors import ConfigurationError

ALL_UP_TO_RANKS = 16
"""Jobs up to this size send everything unless told otherwise; larger ones send what suspects see."""
_MAX_CONTROL_BYTES = 65_536
_HELP = 'use "all", "suspects", or ranks as in "0,3,8-11"'


@dataclass(frozen=True, slots=True)
class Detail:
    """A choice of ranks that send detail.

    Attributes:
        every: All ranks do.
        ranks: First and last of each range that does; the others do for steps in which they suspect
            themselves, like all ranks with "suspects".
    """

    every: bool = False
    ranks: tuple[tuple[int, int], ...] = ()

    def covers(self, rank: int) -> bool:
        """Whether a rank sends detail of every step."""
        return self.every or any(first <= rank <= last for first, last in self.ranks)


def detail_of(choice: str | Iterable[int]) -> Detail:
    """Read a choice: "all", "suspects", ranks, or ranks as text.

    Raises:
        ConfigurationError: It is none of these.
    """
    if not isinstance(choice, str):
        try:
            return Detail(ranks=tuple((int(rank), int(rank)) for rank in choice))
        except (TypeError, ValueError) as err:
            raise ConfigurationError(f"detail is {choice!r}: {_HELP}") from err
    text = choice.strip().lower()
    if text in ("all", "suspects"):
        return Detail(every=text == "all")
    ranges = []
    for item in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*", item)
        if found is None:
            raise ConfigurationError(f"detail is {choice[:60]!r}: {_HELP}")
        ranges.append((int(found[1]), int(found[2] or found[1])))
    return Detail(ranks=tuple(ranges))


def default_detail(world_size: int) -> Detail:
    """What a job sends that nobody told anything."""
    return Detail(every=world_size <= ALL_UP_TO_RANKS)


class ControlFile:
    """A text file whose content is a choice; whoever may write it steers the job's detail."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def changed(self) -> Detail | None:
        """The new choice where the file changed since the last look, else None. A missing file is no choice.

        Raises:
            ConfigurationError: The file changed and holds no choice. Told once for each content.
        """
        try:
            status = self._path.stat()
            version = status.st_mtime_ns, status.st_size
            if version == self._seen:
                return None
            self._seen = version
            if status.st_size > _MAX_CONTROL_BYTES:
                raise ConfigurationError(f"{self._path} holds {status.st_size} bytes: {_HELP}")
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        return detail_of(text) if text.strip() else None

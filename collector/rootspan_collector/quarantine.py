"""Sets aside what cannot be stored, with the reason beside it. Never deletes.

Names derive from the segment and the position, so setting the same thing aside twice (a crash in between)
leaves one copy.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from rootspan_collector.wal.disk import write_durably
from rootspan_collector.wal.segment import SegmentHeader

__all__ = ["Quarantine"]


class Quarantine:
    """A folder of pairs: `NAME.bin` (the bytes) and `NAME.json` (what they are and why they are here)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def request(self, header: SegmentHeader, index: int, payload: bytes, items: int, reason: str) -> Path:
        """Keep one Export…ServiceRequest that the store rejects. Returns the JSON's path. Raises OSError."""
        return self._keep(
            f"{header.token}-{index:08d}",
            payload,
            {"kind": "rejected", "signal": str(header.signal), "items": items, "reason": reason},
        )

    def damage(self, header: SegmentHeader, offset: int, data: bytes, reason: str) -> Path:
        """Keep bytes of a segment that are no intact record. Raises OSError."""
        return self._keep(
            f"{header.token}-damage-{offset:012d}",
            data,
            {"kind": "damaged", "signal": str(header.signal), "offset_bytes": offset, "reason": reason},
        )

    def file(self, path: Path, reason: str) -> Path:
        """Keep a whole file whose header is unreadable; removes it from where it was. Raises OSError."""
        kept = self._keep(
            f"{path.stem}-{time.time_ns()}", path.read_bytes(), {"kind": "unreadable", "reason": reason}
        )
        path.unlink()
        return kept

    def _keep(self, name: str, data: bytes, facts: dict[str, str | int]) -> Path:
        # The bytes first: a JSON without its bytes would claim what is not there.
        write_durably(self.folder / f"{name}.bin", data)
        described = self.folder / f"{name}.json"
        facts = {**facts, "size_bytes": len(data), "set_aside_unix_ns": time.time_ns()}
        write_durably(described, json.dumps(facts, indent=1).encode() + b"\n")
        return described

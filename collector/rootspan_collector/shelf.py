"""What lies in quarantine: listed, read, sent again. Works on the folder, beside a running collector.

Nothing is ever deleted: what a collector took goes to `replayed` below the folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.grpc_export import REPLAY_HEADER
from rootspan_collector.otlp.services import SERVICES
from rootspan_store.ingest import Signal

__all__ = ["Kept", "find", "kept_in", "replay"]

_REPLAYED = "replayed"
_PLACES = ("quarantine", "regions/*/quarantine", "workers/*/quarantine", "workers/*/regions/*/quarantine")
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that was set aside.

    Attributes:
        name: By which it is asked for.
        kind: `rejected`: a request; `damaged`, `unreadable`: bytes of the log that are none.
        signal: None if nobody can tell.
        items: 0 if nobody can tell.
    """

    name: str
    kind: str
    signal: Signal | None
    items: int
    size_bytes: int
    set_aside_unix_ns: int
    reason: str
    path: Path

    @property
    def is_request(self) -> bool:
        """Whether it can be sent again."""
        return self.kind == "rejected" and self.signal is not None

    def payload(self) -> bytes:
        """Return the bytes. Raises OSError."""
        return self.path.with_suffix(".bin").read_bytes()


def kept_in(wal: Path) -> Iterator[Kept]:
    """Yield what the quarantines in a collector's log folder hold, in the order of names.

    Those of its workers and of its regions' stores are among them; descriptions that are broken, too.

    Raises:
        ConfigurationError: There is no quarantine there.
    """
    folders = [folder for place in _PLACES for folder in wal.glob(place) if folder.is_dir()]
    if not folders:
        raise ConfigurationError(f"{wal} is no log folder of a collector: it has no quarantine; give --wal")
    for path in sorted(
        (path for folder in folders for path in folder.glob("*.json")), key=lambda one: one.name
    ):
        try:
            facts = json.loads(path.read_bytes())
            signal = facts.get("signal")
            yield Kept(
                path.stem,
                str(facts["kind"]),
                Signal(signal) if signal is not None else None,
                int(facts.get("items", 0)),
                int(facts["size_bytes"]),
                int(facts["set_aside_unix_ns"]),
                str(facts["reason"]),
                path,
            )
        except (ValueError, KeyError, TypeError) as err:
            yield Kept(path.stem, "unreadable", None, 0, 0, 0, f"its description is broken: {err!r}", path)


def find(wal: Path, names: list[str]) -> list[Kept]:
    """Return what has these names, or unique beginnings of names.

    Raises:
        ConfigurationError: One names nothing, or several.
    """
    all_kept = list(kept_in(wal))
    found = []
    for name in names:
        fitting = [one for one in all_kept if one.name == name] or [
            one for one in all_kept if one.name.startswith(name)
        ]
        if len(fitting) != 1:
            what = "nothing is" if not fitting else f"{len(fitting)} things are"
            raise ConfigurationError(f"{what} called {name!r} in the quarantine of {wal}; list them first")
        found += fitting
    return found


def replay(kept: Kept, channel: grpc.Channel, credentials: Sequence[tuple[str, str]] = ()) -> str | None:
    """Send a request to a collector again, with this metadata, and put it away.

    Returns:
        None if the collector took it, else why not; then it stays where it is. Taken does not mean stored:
        what the store still rejects comes back into that collector's quarantine.
    """
    service = next(one for one in SERVICES if one.signal is kept.signal)
    metadata = ((REPLAY_HEADER, "1"), *credentials)
    try:
        channel.unary_unary(f"/{service.name}/Export", None, None)(
            kept.payload(), timeout=_TIMEOUT_S, metadata=metadata, wait_for_ready=True
        )
    except grpc.RpcError as err:
        return err.details() or err.code().name if isinstance(err, grpc.Call) else str(err)
    folder = kept.path.parent / _REPLAYED
    folder.mkdir(exist_ok=True)
    # The bytes last: as long as the description is there, so are they.
    for path in (kept.path, kept.path.with_suffix(".bin")):
        os.replace(path, folder / path.name)
    return None

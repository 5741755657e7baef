"""`rootspan quarantine`: what the database rejected or the disk damaged; shown, and sent again."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.collector_channel import CollectorAddress
from rootspan_cli.errors import BadAnswer, WrongUse
from rootspan_cli.extras import needing
from rootspan_cli.help import (
    DEFAULT_COLLECTOR,
    CaOption,
    CollectorOption,
    JsonOption,
    TokenOption,
    examples,
)
from rootspan_cli.output import print_json, terminal

if TYPE_CHECKING:
    from rootspan_collector.shelf import Kept

__all__ = ["EPILOG", "Action", "quarantine"]

_SHOWN_BYTES = 4096

EPILOG = examples(
    ("rootspan quarantine list", "what there is, and why"),
    ("rootspan quarantine show NAME", "one request as JSON, as far as it can be read"),
    ("rootspan quarantine replay --all", "send all of it again, after an upgrade say"),
)


class Action(StrEnum):
    """What to do."""

    LIST = "list"
    SHOW = "show"
    REPLAY = "replay"


def quarantine(
    action: Annotated[Action, typer.Argument(envvar="ROOTSPAN_QUARANTINE_ACTION", help="What to do.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", envvar="ROOTSPAN_QUARANTINE_NAMES", help="Names, or unique beginnings."
        ),
    ] = None,
    *,
    wal: Annotated[
        Path, typer.Option("--wal", envvar="ROOTSPAN_COLLECTOR_WAL", help="The collector's log folder.")
    ] = Path("rootspan-data/wal"),
    everything: Annotated[
        bool, typer.Option("--all", envvar="ROOTSPAN_QUARANTINE_ALL", help="Replay every request.")
    ] = False,
    collector: CollectorOption = DEFAULT_COLLECTOR,
    token: TokenOption = None,
    ca: CaOption = None,
    as_json: JsonOption = False,
) -> None:
    """List, show or replay what was acknowledged and could not be stored.

    Nothing is deleted: what a collector takes again is moved to `replayed` below the quarantine. What is
    replayed belongs to the tenant whose token is given. The exit status is 1 if something was not taken.
    """
    with needing("collector", "grpc"):
        from rootspan_collector.shelf import find, kept_in
    if action is Action.LIST:
        _list(list(kept_in(wal)), as_json=as_json)
        return
    if action is Action.SHOW:
        if not names:
            raise WrongUse("name what to show; `rootspan quarantine list` has the names")
        for one in find(wal, names):
            _show(one)
        return
    if bool(names) == everything:
        raise WrongUse("name what to replay, or say --all")
    chosen = [one for one in (find(wal, names) if names else kept_in(wal)) if one.is_request]
    _replay(chosen, CollectorAddress(collector, ca, token), as_json=as_json)


def _facts(kept: "Kept") -> dict[str, object]:
    return {
        "name": kept.name,
        "kind": kept.kind,
        "signal": kept.signal.value if kept.signal else None,
        "items": kept.items,
        "size_bytes": kept.size_bytes,
        "set_aside_unix_ns": kept.set_aside_unix_ns,
        "reason": kept.reason,
    }


def _list(kept: "list[Kept]", *, as_json: bool) -> None:
    if as_json:
        print_json({"kept": [_facts(one) for one in kept]})
        return
    if not kept:
        print("nothing is in quarantine")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", show_edge=False)
    for title in ("name", "kind", "signal"):
        table.add_column(title, overflow="fold")
    for title in ("items", "bytes"):
        table.add_column(title, justify="right")
    table.add_column("reason", overflow="fold")
    for one in kept:
        words = (one.name, one.kind, one.signal or "?", f"{one.items:,}", f"{one.size_bytes:,}", one.reason)
        table.add_row(*(Text(word) for word in words))
    terminal().print(table)


def _show(kept: "Kept") -> None:
    from rootspan_collector.otlp.messages import readable

    payload = kept.payload()
    said = readable(kept.signal, payload) if kept.is_request and kept.signal else None
    print_json(
        {**_facts(kept), "request": said, "payload_hex": payload[:4096].hex() if said is None else None}
    )


def _replay(chosen: "list[Kept]", collector: CollectorAddress, *, as_json: bool) -> None:
    from rootspan_collector.shelf import replay

    refused: dict[str, str] = {}
    with collector.channel() as channel:
        for one in chosen:
            reason = replay(one, channel, collector.metadata)
            if reason is not None:
                refused[one.name] = reason
    taken = len(chosen) - len(refused)
    if as_json:
        print_json({"taken": taken, "refused": refused})
    else:
        print(f"{taken:,} of {len(chosen):,} requests taken by {collector.target}")
    if refused:
        name, reason = next(iter(refused.items()))
        raise BadAnswer(f"{len(refused):,} were not taken; {name}: {reason}")

"""`rootspan replay`: sends recorded telemetry to a collector."""

import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.errors import BadAnswer
from rootspan_cli.extras import needing
from rootspan_cli.help import examples
from rootspan_cli.output import note

if TYPE_CHECKING:
    from rootspan_demo import Pack, SendReport, SendSettings

__all__ = ["EPILOG", "Shift", "replay"]

EPILOG = examples(
    ("rootspan replay cases/nezha-tt-2023-01-29", "as recorded: ask with why --from --to"),
    ("rootspan replay --shift now cases/straggler-AR", "as if it ended now: ask with why --last"),
    ("rootspan replay --rate 50000 cases/*", "no faster than 50,000 items a second"),
)


class Shift(StrEnum):
    """Where the recording's times go."""

    NONE = "none"
    NOW = "now"


def replay(
    packs: Annotated[
        list[Path],
        typer.Argument(
            metavar="PACK...", envvar="ROOTSPAN_PACKS", help="Folders with case.json and *.otlp.gz."
        ),
    ],
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="ROOTSPAN_COLLECTOR",
            metavar="HOST:PORT",
            help="The collector's OTLP/gRPC address.",
        ),
    ] = "127.0.0.1:4317",
    shift: Annotated[
        Shift,
        typer.Option(
            "--shift",
            envvar="ROOTSPAN_REPLAY_SHIFT",
            help="[bold]now[/]: move all times so that each pack ends now. [bold]none[/]: as recorded; old "
            "times stay, since retention counts from arrival.",
        ),
    ] = Shift.NONE,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", envvar="ROOTSPAN_REPLAY_RATE", metavar="ITEMS_PER_S", help="No faster than this."
        ),
    ] = None,
) -> None:
    """Send packs of recorded OTLP to a collector, byte for byte, and count what it took.

    Waits where the collector asks to. The exit status is 1 if anything was not taken.
    """
    with needing("demo"):
        from rootspan_demo import SendSettings, open_pack
    opened = [open_pack(folder) for folder in packs]
    settings = SendSettings(endpoint=to, items_per_s=rate)
    totals: Counter[str] = Counter()
    lost = 0
    for pack in opened:
        began_s = time.monotonic()
        report = _send(pack, settings, shift)
        taken = {signal: report.counts[signal].accepted for signal in pack.signals}
        words = ", ".join(f"{count:,} {signal}" for signal, count in taken.items())
        print(f"{pack.folder.name}: {words} in {time.monotonic() - began_s:.1f} s", flush=True)
        totals.update(taken)
        lost += sum(one.failed + one.rejected for one in report.counts.values())
        for failure in report.failures[:3]:
            note(f"  {failure}")
    if len(opened) > 1:
        print("all packs: " + ", ".join(f"{count:,} {signal}" for signal, count in totals.items()))
    if lost:
        raise BadAnswer(f"{lost:,} items were not taken; the collector's log says why")


def _send(pack: "Pack", settings: "SendSettings", shift: Shift) -> "SendReport":
    from rootspan_cli.rendering.progress import progress_bar
    from rootspan_demo import send

    moved_to = time.time_ns() if shift is Shift.NOW else None
    with progress_bar(pack.folder.name, total=None, unit="items") as advance:
        return send(
            pack.requests(shift_to_unix_ns=moved_to),
            settings,
            progress=lambda report: advance(report.accepted),
        )

"""`rootspan doctor`: is everything there, and is all telemetry accounted for?"""

import typer

from rootspan_cli.collector_channel import CollectorAddress
from rootspan_cli.extras import needing
from rootspan_cli.help import (
    DEFAULT_COLLECTOR,
    DEFAULT_STORE,
    CaOption,
    CollectorOption,
    JsonOption,
    StoreOption,
    TokenOption,
    examples,
)
from rootspan_cli.output import print_json, terminal, working

__all__ = ["EPILOG", "doctor"]

EPILOG = examples(
    ("rootspan doctor", "store and collector on this machine"),
    ("rootspan doctor --json | jq '.checks[] | select(.ok | not)'", "what is wrong, for a script"),
)


def doctor(
    *,
    store: StoreOption = DEFAULT_STORE,
    collector: CollectorOption = DEFAULT_COLLECTOR,
    token: TokenOption = None,
    ca: CaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the store, the collector and the balance: accepted = stored + pending + quarantined.

    "Stored" is counted by the database itself, not by the collector. The exit status is 1 if anything is
    wrong, and each finding comes with the next step.
    """
    with needing("collector", "clickhouse_connect"):
        from rootspan_cli.doctor.examine import examine
        from rootspan_store.client import StoreUrl
    with working("looking around"):
        report = examine(StoreUrl.parse(store), CollectorAddress(collector, ca, token))
    if as_json:
        print_json(report.to_json())
    else:
        from rootspan_cli.rendering.doctor import render_report

        terminal().print(render_report(report))
    if not report.is_ok:
        raise typer.Exit(1)

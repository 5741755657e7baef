"""`rootspan retain`: keeps what matters before raw retention takes it."""

import threading
import uuid
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.errors import words_of
from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, JsonOption, StoreOption, examples
from rootspan_cli.output import note, print_json, working
from rootspan_cli.processes.interrupt import Interrupted, interruptible

if TYPE_CHECKING:
    from rootspan_store.errors import StoreError
    from rootspan_store.keeping import KeptWindow

__all__ = ["EPILOG", "retain"]

EPILOG = examples(
    ("rootspan retain --once", "decide what is due, say what was kept, and end"),
    (
        "rootspan retain --store https://admin:secret@db:8443/otel",
        "for a store that no collector looks after",
    ),
    ("ROOTSPAN_RETENTION_SLOW_FACTOR=3 rootspan retain --once --json", "keep less, count it in a script"),
)


def retain(
    *,
    store: StoreOption = DEFAULT_STORE,
    once: Annotated[
        bool, typer.Option("--once", envvar="ROOTSPAN_RETAIN_ONCE", help="End when nothing is due any more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy traces and training steps that matter to where they outlive raw retention.

    Those that failed, were slow or rare, or were part of an incident are kept whole, with their logs; a
    sample of the others too, to compare with. `rootspan collector` and `rootspan up` do this by themselves;
    of several that do it for one store one works. Further settings are ROOTSPAN_RETENTION_* variables. Stops
    on Ctrl-C or SIGTERM; what was begun is gone on with next time.
    """
    with needing("client", "clickhouse_connect"):
        from rootspan_store.client import StoreUrl, connect
        from rootspan_store.keeping import Keeper, keep_until
        from rootspan_store.settings import load_retention
    settings = load_retention()
    url = StoreUrl.parse(store)
    holder = f"retain-{uuid.uuid4().hex}"
    if not once:
        with suppress(Interrupted), interruptible():
            note(f"keeping what matters in {url}; Ctrl-C ends")
            keep_until(
                threading.Event().wait,
                lambda: connect(url),
                settings,
                holder=holder,
                on_window=lambda kept: _show(kept, as_json=as_json),
                on_trouble=_trouble,
            )
        return
    client = connect(url)
    try:
        keeper = Keeper(client, settings, holder=holder)
        with working("deciding") as tell:
            windows = []
            while (kept := keeper.keep_next()) is not None:
                windows.append(kept)
                tell(f"{len(windows)} windows, {sum(one.spans for one in windows):,} spans")
    finally:
        client.close()
    if as_json:
        print_json({"windows": [_facts(one) for one in windows]})
        return
    spans, kept_spans = sum(one.spans for one in windows), sum(one.kept_spans for one in windows)
    share = f" ({kept_spans / spans:.1%})" if spans else ""
    traces = sum(one.kept_traces for one in windows)
    print(
        f"{url}: {len(windows)} windows decided, {kept_spans:,} of {spans:,} spans kept{share}, "
        f"{traces:,} traces"
    )


def _facts(kept: "KeptWindow") -> dict[str, object]:
    window = asdict(kept.window)
    return {
        "from_unix_s": window["begin_s"],
        "to_unix_s": window["end_s"],
        **{name: value for name, value in asdict(kept).items() if name != "window"},
    }


def _show(kept: "KeptWindow", *, as_json: bool) -> None:
    if as_json:
        print_json(_facts(kept))
    else:
        print(f"{kept.kept_spans:,} of {kept.spans:,} spans kept, {kept.kept_traces:,} traces", flush=True)


def _trouble(error: "StoreError") -> None:
    note(f"{words_of(error)}; trying again")

"""`rootspan watch`: looks at objectives, opens and closes incidents, and shows them as they happen."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.errors import words_of
from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, StoreOption, examples
from rootspan_cli.output import note, print_json, terminal, working
from rootspan_cli.processes.interrupt import Interrupted, interruptible

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from rootspan_analysis import StoreError
    from rootspan_analysis.watch import Incident, Look, Watcher, WatchSettings
    from rootspan_store.client import StoreUrl

__all__ = ["EPILOG", "watch"]

EPILOG = examples(
    ("rootspan watch", "incidents as they open, change and close"),
    ("rootspan watch --once", "what is open now"),
    ("rootspan watch --json | jq -r '.incident.title'", "a line of JSON for each event"),
    ("rootspan watch --config watch.toml --alertmanager http://am:9093", "with objectives and a receiver"),
)
_RETRY_S = 2.0


def watch(
    *,
    store: StoreOption = DEFAULT_STORE,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar="ROOTSPAN_WATCH_CONFIG",
            help="TOML file of objectives, receivers and settings. Without it objectives come from history.",
        ),
    ] = None,
    webhook: Annotated[
        list[str] | None,
        typer.Option(
            "--webhook",
            envvar="ROOTSPAN_WATCH_WEBHOOK",
            metavar="URL",
            help="POST each incident there, as JSON.",
        ),
    ] = None,
    alertmanager: Annotated[
        list[str] | None,
        typer.Option(
            "--alertmanager",
            envvar="ROOTSPAN_WATCH_ALERTMANAGER",
            metavar="URL",
            help="Send alerts to this Alertmanager (base URL of its API v2).",
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            "--every",
            envvar="ROOTSPAN_WATCH_EVERY",
            metavar="SECONDS",
            help="Time between looks. Default: 5.",
        ),
    ] = None,
    once: Annotated[
        bool,
        typer.Option("--once", envvar="ROOTSPAN_WATCH_ONCE", help="Look once, show what is open, and end."),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", envvar="ROOTSPAN_JSON", help="One JSON object a line on stdout for each event."
        ),
    ] = False,
) -> None:
    """Watch latency, errors, waits and training steps; open an incident, with causes, where one is missed.

    What is usual is learnt from history unless a file sets objectives. Incidents are kept in the table
    rootspan_incidents. Several may watch the same store: the first acts, the others follow and take over when
    it is gone. `rootspan up` has one inside. Stops on Ctrl-C or SIGTERM.
    """
    with needing("analysis", "clickhouse_connect", "pyarrow"):
        from rootspan_analysis import AnalysisError
        from rootspan_analysis.watch import Notifier, Watcher
        from rootspan_store.client import StoreUrl
    settings = _settings(config, webhook or [], alertmanager or [], every)
    url = StoreUrl.parse(store)
    with (
        suppress(Interrupted),
        interruptible(),
        _connected(url, patient=not once) as client,
        Notifier(client, settings.receivers, note) as notifier,
    ):
        watcher = Watcher(client, settings, tell=notifier)
        try:
            if once:
                _once(watcher, client, as_json=as_json)
            else:
                _follow(watcher, client, settings.every_s, as_json=as_json, where=str(url))
        finally:
            # Others find out by themselves, a little later, if the store is away.
            with suppress(AnalysisError):
                watcher.leave(time.time_ns())


def _settings(
    config: Path | None, webhooks: list[str], alertmanagers: list[str], every_s: float | None
) -> "WatchSettings":
    from rootspan_analysis.watch import Receiver, WatchSettings, load_settings

    settings = load_settings(config) if config is not None else WatchSettings()
    more = [Receiver("webhook", one) for one in webhooks]
    more += [Receiver("alertmanager", one) for one in alertmanagers]
    every = settings.every_s if every_s is None else every_s
    return replace(settings, receivers=(*settings.receivers, *more), every_s=every)


@contextmanager
def _connected(url: "StoreUrl", *, patient: bool) -> Iterator["Client"]:
    """A client, as soon as the store answers. Without patience an absent store is an error."""
    from rootspan_store import StoreUnreachable
    from rootspan_store.client import connect

    told = False
    while True:
        try:
            client = connect(url)
            break
        except StoreUnreachable as err:
            if not patient:
                raise
            if not told:
                note(f"{words_of(err)}; waiting for it")
                told = True
            time.sleep(_RETRY_S)
    try:
        yield client
    finally:
        client.close()


def _once(watcher: "Watcher", client: "Client", *, as_json: bool) -> None:
    from rootspan_analysis.watch import Follower

    now_ns = time.time_ns()
    with working("looking"):
        look = watcher.look(now_ns)
        follower = Follower(client)
        follower.look(now_ns)
    for incident in follower.open:
        _show("open", incident, as_json=as_json)
    if as_json:
        return
    from rootspan_cli.rendering.watch import render_look

    terminal().print(render_look(look, open_count=len(follower.open)))


def _follow(watcher: "Watcher", client: "Client", every_s: float, *, as_json: bool, where: str) -> None:
    from rootspan_analysis.watch import Follower, run_until

    follower = Follower(client)
    troubles: list[str] = []

    with working(f"watching {where}") as tell:

        def on_look(look: "Look") -> None:
            from rootspan_cli.rendering.watch import look_words

            if troubles:
                note("the store answers again")
                troubles.clear()
            for event, incident in follower.look(time.time_ns()):
                _show(event, incident, as_json=as_json)
            tell(f"{look_words(look, open_count=len(follower.open))}; Ctrl-C ends")

        def on_trouble(error: "StoreError") -> None:
            if not troubles:
                note(f"{words_of(error)}; trying again")
            troubles.append(str(error))

        note(f"watching {where} every {every_s:g} s")
        run_until(
            watcher,
            every_s=every_s,
            stopped=threading.Event().wait,
            on_look=on_look,
            on_trouble=on_trouble,
        )


def _show(event: str, incident: "Incident", *, as_json: bool) -> None:
    if as_json:
        print_json({"event": event, "at_unix_ns": time.time_ns(), "incident": incident.to_json()})
        sys.stdout.flush()
        return
    from rootspan_cli.rendering.watch import render_incident

    terminal().print(render_incident(event, incident, now_ns=time.time_ns()))

"""`rootspan agent`: a machine's log files, journal, GPUs and Prometheus endpoints, sent to a collector."""

import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Annotated

import typer

from rootspan_cli.errors import WrongUse
from rootspan_cli.extras import needing
from rootspan_cli.help import examples

__all__ = ["EPILOG", "agent"]

EPILOG = examples(
    ("rootspan agent --file '/var/log/*.log'", "this machine's files, journal and GPUs"),
    ("rootspan agent --endpoint collector:4317 --file /var/log/kern.log --no-journal", "the kernel only"),
    ("rootspan agent --scrape dcgm=http://localhost:9400/metrics", "DCGM's exporter, too"),
    ("rootspan agent --file '/srv/logs/{host}/kern.log' --no-gpus", "what many machines left in one place"),
)


def agent(
    *,
    endpoint: Annotated[
        str,
        typer.Option(
            "--endpoint",
            envvar="ROOTSPAN_AGENT_ENDPOINT",
            metavar="HOST:PORT",
            help="The collector's OTLP/gRPC address.",
        ),
    ] = "localhost:4317",
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            envvar="ROOTSPAN_AGENT_FILES",
            metavar="PATTERN",
            help="Files to follow, from / on: *, ?, ** as in a shell; {host}: what names the machine. "
            "Repeatable.",
        ),
    ] = None,
    journal: Annotated[
        bool | None,
        typer.Option(
            "--journal/--no-journal",
            envvar="ROOTSPAN_AGENT_JOURNAL",
            help="Read systemd's journal. Default: where there is one.",
        ),
    ] = None,
    journal_folder: Annotated[
        Path | None,
        typer.Option(
            "--journal-folder",
            envvar="ROOTSPAN_AGENT_JOURNAL_FOLDER",
            help="A journal that is not this machine's, such as a container's host's.",
        ),
    ] = None,
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            envvar="ROOTSPAN_AGENT_FROM",
            metavar="start|end",
            help="At the very first start: all that is there (start), or only what comes (end).",
        ),
    ] = "end",
    gpus: Annotated[
        bool,
        typer.Option(
            "--gpus/--no-gpus", envvar="ROOTSPAN_AGENT_GPUS", help="Sample this machine's GPUs, if any."
        ),
    ] = True,
    pressure: Annotated[
        list[str] | None,
        typer.Option(
            "--pressure",
            envvar="ROOTSPAN_AGENT_PRESSURE",
            metavar="PATTERN",
            help="Who waits for a processor: files like /proc/pressure/cpu (the default), such as cgroups' "
            "cpu.pressure; none: no file. Repeatable.",
        ),
    ] = None,
    scrape: Annotated[
        list[str] | None,
        typer.Option(
            "--scrape",
            envvar="ROOTSPAN_AGENT_SCRAPE",
            metavar="[NAME=]URL",
            help="A Prometheus endpoint to scrape, such as DCGM's exporter; NAME: its service. Repeatable.",
        ),
    ] = None,
    scrape_every: Annotated[
        float,
        typer.Option(
            "--scrape-every",
            envvar="ROOTSPAN_AGENT_SCRAPE_EVERY",
            metavar="SECONDS",
            help="Between two scrapes of an endpoint.",
        ),
    ] = 15.0,
    host: Annotated[
        str | None,
        typer.Option("--host", envvar="ROOTSPAN_AGENT_HOST", help="This machine's name."),
    ] = None,
    state: Annotated[
        Path,
        typer.Option(
            "--state",
            envvar="ROOTSPAN_AGENT_STATE",
            help="Folder that remembers what was sent; one agent each.",
        ),
    ] = Path("rootspan-data/agent"),
    ca: Annotated[
        Path | None,
        typer.Option("--ca", envvar="ROOTSPAN_AGENT_CA", help="PEM file of the collector's authority: TLS."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", envvar="ROOTSPAN_AGENT_TOKEN", help="Token of the tenant.")
    ] = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", envvar="ROOTSPAN_AGENT_ONCE", help="End when all that is there has been sent."
        ),
    ] = False,
) -> None:
    """Send a machine's log files, journal and GPU readings to a collector, and skip no line.

    Positions are kept over restarts and rotations. While the collector is away or refuses, nothing more is
    read: what waits stays in the files. XIDs, uncorrectable ECC errors and processes killed for memory become
    named events with their numbers, GPU and process. Prometheus endpoints are scraped beside that, and DCGM's
    names become rootspan's; evicted pods and drained nodes are named events, too. Stops on Ctrl-C or SIGTERM.
    """
    with needing("agent", "grpc", "grpc_status", "opentelemetry.proto", "prometheus_client"):
        from rootspan_agent import DEFAULT_PRESSURE, Agent, AgentSettings, target_of
    if begin not in ("start", "end"):
        raise WrongUse(f"--from is {begin!r}; choose start or end")
    # A variable holds several patterns as a path list does.
    patterns, waits = (
        [part for one in given or () for part in one.split(os.pathsep) if part] for given in (files, pressure)
    )
    settings = AgentSettings(
        state=state,
        endpoint=endpoint,
        files=tuple(patterns),
        journal=journal,
        journal_folder=journal_folder,
        begin="start" if begin == "start" else "end",
        gpus=gpus,
        pressure=() if waits == ["none"] else tuple(waits or [DEFAULT_PRESSURE]),
        scrape=tuple(target_of(one) for one in scrape or ()),
        scrape_s=scrape_every,
        ca=ca,
        token=token,
        host=host or socket.gethostname(),
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    running = Agent(settings)
    print(f"agent sends to {endpoint}", flush=True)
    running.run(stopping, once=once)
    refused = f", {running.n_refused} refused for good" if running.n_refused else ""
    metrics = f", {running.n_scraped} scraped series" if scrape else ""
    print(f"{running.n_sent} log records{metrics} sent{refused}")
    if running.n_refused:
        raise typer.Exit(1)

"""`rootspan demo`: a simulated fleet with a planted fault, through the real thing, to the answer."""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from rootspan_cli.extras import needing
from rootspan_cli.help import JsonOption, examples
from rootspan_cli.output import note, print_json, terminal, working
from rootspan_cli.processes.bring_up import bring_up, store_credentials
from rootspan_cli.processes.installation import Installation
from rootspan_cli.processes.interrupt import Interrupted, interruptible
from rootspan_cli.processes.ports import Address
from rootspan_cli.processes.supervisor import Supervisor
from rootspan_cli.processes.watcher import Watcher
from rootspan_cli.times import rfc3339

if TYPE_CHECKING:
    from rootspan_cli.showcase.play import Played
    from rootspan_cli.showcase.stages import Stages

__all__ = ["EPILOG", "demo"]

EPILOG = examples(
    ("rootspan demo", "one slow GPU among 50 hosts in 2 regions"),
    ("rootspan demo --fault region-outage", "also bad-version, network-delay, queue-saturation, error-burst"),
    ("rootspan demo --fault none", "a healthy fleet: nothing must be named"),
    ("rootspan demo --seed 8 --no-ui --check", "for CI: exit status 1 unless the answer is right"),
)
_REFERENCE_HOST_MINUTES = 50 * 30
_REFERENCE_SPANS = 1_500_000
_INTERRUPTED = 130


def demo(
    *,
    fault: Annotated[
        str,
        typer.Option(
            "--fault",
            envvar="ROOTSPAN_DEMO_FAULT",
            metavar="NAME",
            help="What to plant: slow-gpu, region-outage, bad-version, network-delay, queue-saturation, "
            "error-burst, none.",
        ),
    ] = "slow-gpu",
    hosts: Annotated[
        int, typer.Option("--hosts", envvar="ROOTSPAN_DEMO_HOSTS", help="GPU hosts, 4-5000.")
    ] = 50,
    minutes: Annotated[
        float, typer.Option("--minutes", envvar="ROOTSPAN_DEMO_MINUTES", help="Length of the recording.")
    ] = 30.0,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", envvar="ROOTSPAN_DEMO_SEED", help="Place, size and onset of the fault, and all else."
        ),
    ] = 7,
    spans: Annotated[
        int | None,
        typer.Option(
            "--spans",
            envvar="ROOTSPAN_DEMO_SPANS",
            help="Spans to aim at by head sampling. Default: 1.5 million, fewer for a smaller fleet.",
        ),
    ] = None,
    ui: Annotated[
        bool,
        typer.Option(
            "--ui/--no-ui", envvar="ROOTSPAN_DEMO_UI", help="Serve the dashboard until Ctrl-C afterwards."
        ),
    ] = True,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            envvar="ROOTSPAN_DEMO_CHECK",
            help="Exit status 1 unless the first cause is what was planted (none: no cause at all).",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a fleet, plant a fault, and let rootspan find it, within two minutes.

    A recommendation system on GPU hosts in two regions, with queues, retries and failover, sends half an hour
    of spans, logs and GPU metrics by OTLP to a collector and a store started for it on a fresh folder. Then
    the engine, which is told nothing of the fault, is asked why. The folder is removed at the end.
    """
    with needing("all", "chdb", "grpc_health", "streamlit"):
        from rootspan_cli.showcase.play import play
        from rootspan_cli.showcase.stages import Stages
        from rootspan_demo import FleetConfig
    scale = min(1.0, hosts * minutes / _REFERENCE_HOST_MINUTES)
    config = FleetConfig(
        end_unix_ns=time.time_ns(),
        hosts=hosts,
        minutes=minutes,
        seed=seed,
        fault=fault,  # type: ignore[arg-type]  # checked by FleetConfig
        spans=spans if spans is not None else max(1, round(_REFERENCE_SPANS * scale)),
    )
    stages = Stages()
    answered = False
    with tempfile.TemporaryDirectory(prefix="rootspan-demo-", ignore_cleanup_errors=True) as folder:
        installation = Installation(
            data=Path(folder),
            store=Address("127.0.0.1", 8123),
            collector=Address("127.0.0.1", 4317),
            dashboard=Address("127.0.0.1", 8501) if ui else None,
            credentials=store_credentials(),
        ).on_free_ports()
        supervisor = Supervisor(installation.parts(), note)
        try:
            with interruptible(), supervisor:
                with stages.stage("start"), working("starting store and collector"):
                    bring_up(installation, supervisor, lambda name: None)
                with Watcher(supervisor) as watcher:
                    played = play(config, installation, watcher, stages)
                    _show(played, installation, stages, as_json=as_json)
                    answered = True
                    if ui:
                        note("Ctrl-C ends it")
                        watcher.wait()
        except Interrupted:
            if not answered:
                raise typer.Exit(_INTERRUPTED) from None
    if check and not played.hit:
        raise typer.Exit(1)


def _show(played: "Played", installation: Installation, stages: "Stages", *, as_json: bool) -> None:
    truth, explanation = played.recording.truth, played.explanation
    pages = _pages(installation, explanation.window.from_ns, explanation.window.to_ns)
    if as_json:
        planted = {
            "fault": truth.kind,
            "entity": dict(truth.entity),
            "hosts": list(truth.hosts),
            "onset_unix_ns": truth.onset_unix_ns,
        }
        run = {
            "truth": planted,
            "hit": played.hit,
            "accepted": dict(played.accepted),
            "dashboard": pages,
            "stages_s": stages.to_json(),
        }
        print_json({**explanation.to_json(), "demo": run})
        return
    from rootspan_cli.rendering.truth import render_truth
    from rootspan_cli.rendering.why import render_explanation

    screen = terminal()
    counts = ", ".join(f"{count:,} {signal}" for signal, count in played.accepted.items())
    screen.print(f"\n{counts} from {played.recording.config.hosts} hosts, through OTLP, in ClickHouse\n")
    screen.print(render_explanation(explanation))
    screen.print()
    screen.print(render_truth(truth, hit=played.hit))
    screen.print(f"[dim]{stages.sentence()}[/]")
    if pages:
        screen.print(f"\nDashboard  [bold]{pages}[/]", soft_wrap=True)


def _pages(installation: Installation, from_ns: int, to_ns: int) -> str:
    """Link to the root-cause page on the same window; empty without a dashboard."""
    if not installation.dashboard_url:
        return ""
    window = urlencode({"from": rfc3339(from_ns), "to": rfc3339(to_ns)}, safe=":")
    return f"{installation.dashboard_url}/root-cause?{window}"

"""`rootspan watch` and `rootspan change` on a real installation, and what a person reads of an incident."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rootspan_analysis import Window
from rootspan_analysis.changes import changes_near
from rootspan_analysis.watch import BlastRadius, Breach, Incident, IncidentImpact
from rootspan_analysis.watch.records import write_incident
from rootspan_cli.processes.installation import Installation
from rootspan_cli.processes.ports import Address
from rootspan_cli.rendering.watch import render_incident
from rootspan_store.client import connect
from support.command import Run
from support.installation import UpProcess
from support.processes import wait_until

S = 1_000_000_000
T0 = 1_795_341_600 * S


def an_incident(onset_ns: int) -> Incident:
    lead = Breach(
        "latency_p95",
        "ranker",
        "Rank",
        "",
        61.0,
        27.0,
        "ms",
        onset_ns,
        False,
        "p95 of [bold]ranker[/] is 61 ms",
    )
    cause = {
        "rank": 1,
        "kind": "host",
        "fault": "slow",
        "score": 0.93,
        "entity": {"service.name": "ranker", "host.name": "gpu-017"},
        "evidence": [{"signal": "trace", "text": "model.forward takes 18 ms, against 7", "sql": "SELECT 1"}],
    }
    return Incident(
        "20261122-1000-abc", "open", "major", "slow: ranker gpu-017", onset_ns, onset_ns, onset_ns, None,
        lead, (lead,) * 6, "cause_found", (cause,), IncidentImpact(60_739, 2_039, 399, 494.4),
        BlastRadius(("gateway", "ranker"), 5, ("us-east",)), None, "0.1.0",
    )  # fmt: skip


def read(event: str, incident: Incident, now_ns: int) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 - ends with the console
    console.print(render_incident(event, incident, now_ns=now_ns))
    console.file.close()
    return console.export_text()


def test_an_incident_says_what_why_how_far_and_at_what_cost() -> None:
    text = read("opened", an_incident(T0), T0 + 95 * S)
    for words in (
        "OPENED",
        "major",
        "20261122-1000-abc",
        "95 s",
        "slow: ranker gpu-017",
        "p95 of [bold]ranker[/] is 61 ms",
        "and 2 more",
        "service.name=ranker  host.name=gpu-017",
        "model.forward takes 18 ms",
        "gateway, ranker; 5 hosts; us-east",
        "2,039 of 60,739 requests beyond the objective, 399 errors, 494 s lost",
    ):
        assert words in text
    over = replace(an_incident(T0), state="closed", closed_ns=T0 + 600 * S, causes=(), verdict="no_fault")
    assert "10 min" in read("closed", over, T0 + 9999 * S)
    assert "no fault" in read("closed", over, T0 + 9999 * S)


def test_the_watcher_is_a_part_between_collector_and_dashboard() -> None:
    here = Address("127.0.0.1", 1)
    whole = Installation(Path("data"), here, here, here, watch=True, watch_config=Path("watch.toml"))
    assert [part.name for part in whole.parts()] == ["store", "collector", "watch", "dashboard"]
    assert whole.parts()[2].command[-3:] == ("--json", "--config", "watch.toml")
    assert [part.name for part in replace(whole, watch=False).parts()] == ["store", "collector", "dashboard"]


def test_a_config_that_cannot_be_is_refused_before_anything_starts(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "watch.toml"
    config.write_text("[watch]\nevery_s = 0\n")
    for command in (("watch", "--config", str(config)), ("up", "--watch-config", str(config))):
        outcome = run(*command)
        assert outcome.status == 2
        assert "every_s is 0, outside 1-300" in outcome.err


@pytest.mark.process
def test_a_change_reaches_the_store_and_is_found_near_its_time(run: Run, installation: UpProcess) -> None:
    outcome = run(
        *(
            "change",
            "deploy",
            "--service",
            "ranker-x",
            "--version",
            "3.9.0",
            "--previous",
            "3.8",
            "--at",
            "2m",
        ),
        *("--scope", "network.switch=leaf-3", "--text", "faster kernel", "--author", "ci"),
        *("--collector", installation.collector),
    )
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "deploy of ranker-x 3.9.0 leaf-3 recorded\n"
    now = time.time_ns()
    window = Window(now - 180 * S, now - 60 * S)
    client = connect(installation.store)
    try:
        wait_until(lambda: bool(changes_near(client, window)), timeout_s=20, what="the change is stored")
        (found,) = changes_near(client, window, {"service.name": "ranker-x"})
    finally:
        client.close()
    assert (found.kind, found.previous, found.author, found.source) == ("deploy", "3.8", "ci", "cli")
    assert found.scope == {
        "service.name": "ranker-x",
        "service.version": "3.9.0",
        "network.switch": "leaf-3",
    }
    assert found.text == "faster kernel"


def test_a_change_that_nobody_takes_is_a_bad_answer(run: Run) -> None:
    outcome = run("change", "deploy", "--service", "a", "--collector", "127.0.0.1:1")
    assert outcome.status == 1
    assert outcome.err.count("\n") == 1
    assert "127.0.0.1:1" in outcome.err


@pytest.mark.process
def test_one_look_shows_what_is_open_and_leaves_the_watching_to_the_watcher_inside_up(
    run: Run, installation: UpProcess
) -> None:
    wait_until(
        lambda: "watching" in (installation.data / "logs" / "watch.log").read_text(),
        timeout_s=20,
        what="the watcher inside up looks",
    )
    client = connect(installation.store)
    watchers = "SELECT count() FROM rootspan_watchers"
    try:
        wait_until(
            lambda: int(client.query(watchers).result_rows[0][0]) > 0,
            timeout_s=20,
            what="the watcher is there",
        )
        quiet = run("watch", "--once", "--store", installation.store)
        assert quiet.status == 0
        assert "another watcher acts" in quiet.out
        write_incident(client, an_incident(time.time_ns() - 30 * S))
        shown = run("watch", "--once", "--store", installation.store)
        assert "OPEN" in shown.out
        assert "slow: ranker gpu-017" in shown.out
        told = run("watch", "--once", "--json", "--store", installation.store)
        # What other tests left in this installation may be an incident, too.
        lines = [json.loads(one) for one in told.out.splitlines()]
        (line,) = [one for one in lines if "gpu-017" in json.dumps(one["incident"]["causes"])]
        assert line["event"] == "open"
        assert line["incident"]["blast_radius"]["hosts"] == 5
    finally:
        client.command("TRUNCATE TABLE rootspan_incidents")
        client.close()

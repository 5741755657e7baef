"""Quarantine by its command: what the database rejected is listed, shown, and taken when it is sent again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import otlp_requests as otlp
from support.processes import CollectorProcess, StoreProcess

pytestmark = pytest.mark.process

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
RUBBISH = b"\x0a\x08\x12\x06\x12\x04\xff\xff\xff\xff"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StoreProcess, CollectorProcess]]:
    folder = tmp_path_factory.mktemp("quarantine")
    store = StoreProcess(folder)
    collector = CollectorProcess(folder, store.url, ["--wal-segment-age-s", "0.05"])
    with store.running(), collector.running():
        yield store, collector


def quarantine(wal: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rootspan_cli", "quarantine", *arguments, "--wal", str(wal)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_is_set_aside_is_listed_shown_and_taken_again(
    place: tuple[StoreProcess, CollectorProcess],
) -> None:
    store, collector = place
    assert "nothing is in quarantine" in quarantine(collector.wal, "list").stdout
    with collector.channel() as channel:
        channel.unary_unary(EXPORT)(RUBBISH, timeout=10)
    collector.wait_drained()
    (kept,) = json.loads(quarantine(collector.wal, "list", "--json").stdout)["kept"]
    assert (kept["kind"], kept["signal"], kept["items"]) == ("rejected", "traces", 1)
    assert "no OTLP" in kept["reason"]
    assert "no OTLP" in quarantine(collector.wal, "list").stdout
    shown = json.loads(quarantine(collector.wal, "show", kept["name"][:20]).stdout)
    assert bytes.fromhex(shown["payload_hex"]) == RUBBISH
    # A person repairs it; the collector takes it although it came before, and the store has it at last.
    good = otlp.traces(3).SerializeToString()
    (collector.wal / "quarantine" / f"{kept['name']}.bin").write_bytes(good)
    with collector.channel() as channel:
        channel.unary_unary(EXPORT)(good, timeout=10)
    shown = json.loads(quarantine(collector.wal, "show", kept["name"]).stdout)
    assert len(shown["request"]["resourceSpans"]) == 1
    done = quarantine(collector.wal, "replay", "--all", "--collector", collector.address)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 of 1 requests taken")
    collector.wait_drained()
    assert store.number("SELECT count() FROM otel_traces") == 6
    assert "nothing is in quarantine" in quarantine(collector.wal, "list").stdout
    assert (collector.wal / "quarantine" / "replayed" / f"{kept['name']}.bin").read_bytes() == good
    counts = collector.counts("traces")
    assert counts["accepted"] == counts["stored"] + counts["quarantined"] == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show",), "name what to show"),
        (("show", "nobody"), "nothing is called"),
        (("replay",), "say --all"),
        (("replay", "x", "--all"), "say --all"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    place: tuple[StoreProcess, CollectorProcess], arguments: tuple[str, ...], words: str
) -> None:
    done = quarantine(place[1].wal, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_that_is_no_log_and_a_collector_that_is_away_are_said(
    place: tuple[StoreProcess, CollectorProcess], tmp_path: Path
) -> None:
    done = quarantine(tmp_path, "list")
    assert done.returncode == 2
    assert "no log folder" in done.stderr

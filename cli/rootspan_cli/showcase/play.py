"""Plays a recording through an installation that is up: simulate, send, wait until stored, ask.

Owns the window that is asked about: it depends on the recording's length alone, never on the fault. The
engine is told nothing else.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rootspan_analysis import Explanation, Question, explain
from rootspan_analysis.telemetry import balance
from rootspan_cli.errors import BadAnswer
from rootspan_cli.output import working
from rootspan_cli.processes.installation import Installation
from rootspan_cli.processes.watcher import Watcher
from rootspan_cli.rendering.progress import Advance, progress_bar
from rootspan_cli.showcase.stages import Stages
from rootspan_demo import FleetConfig, Recording, SendSettings, Truth, send, simulate
from rootspan_store.client import connect, store_errors

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Played", "is_hit", "play", "window_of"]

_NS: Final = 1_000_000_000
_LONGEST_WINDOW_S: Final = 900.0
_STORED_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it.

    Attributes:
        recording: What was sent, and what was planted.
        accepted: Items that the collector took, by signal.
        explanation: What the engine said.
        hit: Whether its first cause is the planted fault; for `none`, whether it named no cause.
    """

    recording: Recording
    accepted: Mapping[str, int]
    explanation: Explanation
    hit: bool


def window_of(config: FleetConfig) -> tuple[int, int]:
    """The window to ask about: the recording's last 15 minutes, of a short one its second half."""
    length_s = min(_LONGEST_WINDOW_S, config.duration_s / 2)
    return config.end_unix_ns - round(length_s * _NS), config.end_unix_ns


def is_hit(truth: Truth, explanation: Explanation) -> bool:
    """Whether the first cause is what was planted; where nothing was, whether there is no cause at all."""
    if not explanation.causes:
        return truth.kind == "none"
    return truth.matches(explanation.causes[0].to_json())


def play(config: FleetConfig, installation: Installation, watcher: Watcher, stages: Stages) -> Played:
    """Do all of it.

    Raises:
        DemoError: The collector did not take the telemetry.
        BadAnswer: What was taken was not stored in time.
        AnalysisError, StoreError: The question could not be answered.
        PartFailed: A part keeps dying.
    """
    with stages.stage("simulate"), working(f"simulating {config.hosts} hosts for {config.minutes:g} minutes"):
        recording = simulate(config)
    watcher.wait(0)
    counts = recording.counts
    items = counts["spans"] + counts["log_records"] + counts["metric_points"]
    with stages.stage("send"), progress_bar("sending", total=items, unit="items") as advance:
        report = send(
            recording.requests(),
            SendSettings(endpoint=str(installation.collector.reachable)),
            progress=lambda so_far: advance(so_far.accepted),
        )
    accepted = {str(signal): count.accepted for signal, count in report.counts.items()}
    with store_errors():
        client = connect(installation.store_url)
        try:
            with stages.stage("store"), progress_bar("storing", total=items, unit="items") as advance:
                _wait_until_stored(client, accepted, watcher, advance)
            with stages.stage("ask"), working("asking why"):
                from_ns, to_ns = window_of(config)
                telemetry = balance(client).to_json()
                explanation = explain(client, Question(from_ns, to_ns), telemetry=telemetry)
        finally:
            client.close()
    return Played(recording, accepted, explanation, is_hit(recording.truth, explanation))


def _wait_until_stored(
    client: "Client", accepted: Mapping[str, int], watcher: Watcher, advance: Advance
) -> None:
    """Wait until the engine counts what the collector took, and the collector has said so too."""
    deadline_s = time.monotonic() + _STORED_TIMEOUT_S
    while True:
        ledger = balance(client)
        advance(ledger.total.stored)
        missing = {
            signal: count - ledger.by_signal[signal].stored
            for signal, count in accepted.items()
            if ledger.by_signal[signal].stored != count
        }
        if not missing and ledger.total.accepted == ledger.total.stored:
            return
        if time.monotonic() >= deadline_s:
            raise BadAnswer(
                f"not all telemetry was stored within {_STORED_TIMEOUT_S:.0f} s; missing: {missing}; "
                "see the collector's log"
            )
        watcher.wait(_POLL_S)

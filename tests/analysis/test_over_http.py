"""The engine on the real store process, through the real clickhouse-connect client."""

from pathlib import Path

import pytest
from fleets import END_NS

from rootspan_analysis import Question, explain
from rootspan_demo.config import FleetConfig
from rootspan_demo.recording import simulate
from rootspan_store.client import connect
from rootspan_store.ingest import Signal, frame_prefix, insert_settings, landing_table
from rootspan_store.schema import migrate
from support.processes import StoreProcess


@pytest.mark.process
def test_a_question_is_answered_over_http_and_its_evidence_runs(tmp_path: Path) -> None:
    recording = simulate(
        FleetConfig(
            end_unix_ns=END_NS,
            hosts=12,
            minutes=12,
            seed=1,
            fault="error-burst",
            spans=60_000,
            onset_before_end_s=240,
        )
    )
    held: dict[Signal, bytearray] = {signal: bytearray() for signal in Signal}
    for request in recording.requests():
        held[Signal(request.signal)] += frame_prefix(len(request.payload)) + request.payload
    store = StoreProcess(tmp_path)
    with store.running():
        client = connect(store.url)
        migrate(client)
        for signal, frames in held.items():
            client.raw_insert(
                landing_table(signal),
                insert_block=bytes(frames),
                fmt="Protobuf",
                settings=insert_settings(signal, f"once-{signal}"),
            )
        answer = explain(client, Question(END_NS - int(6 * 60e9), END_NS))
        assert answer.causes
        assert recording.truth.matches(answer.causes[0].to_json())
        for one in answer.causes[0].evidence:
            assert client.query(one.sql).row_count > 0
        client.close()

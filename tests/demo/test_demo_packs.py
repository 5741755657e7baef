"""Packs: what is written is read, damage is told by file and place, stamps shift by one distance."""

import gzip
import json
import struct
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rootspan_demo.__main__ import main
from rootspan_demo.case import build_case
from rootspan_demo.config import FleetConfig
from rootspan_demo.errors import PackError
from rootspan_demo.otlp import REQUEST_TYPES, OtlpRequest
from rootspan_demo.packs import open_pack, write_pack
from rootspan_demo.recording import Recording, simulate
from rootspan_demo.shift import last_time_unix_ns, shift_times

END_NS = 1_790_000_000_000_000_000


@pytest.fixture(scope="module")
def recording() -> Recording:
    return simulate(
        FleetConfig(end_unix_ns=END_NS, hosts=6, minutes=1, seed=3, fault="error-burst", sampling_ratio=0.02)
    )


@pytest.fixture
def pack_folder(recording: Recording, tmp_path: Path) -> Path:
    write_pack(tmp_path / "pack", recording.requests(), build_case(recording))
    return tmp_path / "pack"


def test_a_written_pack_reads_back_the_same_requests(recording: Recording, pack_folder: Path) -> None:
    pack = open_pack(pack_folder)
    by_signal: dict[str, list[OtlpRequest]] = {}
    for request in pack.requests():
        by_signal.setdefault(request.signal, []).append(request)
    for signal in ("traces", "logs", "metrics"):
        assert by_signal[signal] == [one for one in recording.requests() if one.signal == signal]
    assert pack.count() == {
        "traces": recording.counts["spans"],
        "logs": recording.counts["log_records"],
        "metrics": recording.counts["metric_points"],
    }
    assert pack.last_time_unix_ns() <= END_NS


def test_case_names_the_truth_as_the_pack_format_wants_it(recording: Recording, pack_folder: Path) -> None:
    case = json.loads((pack_folder / "case.json").read_text())
    assert case["signals"] == ["traces", "logs", "metrics"]
    (incident,) = case["incidents"]
    assert incident["truth"] == {"level": "host", "names": [recording.truth.entity["host.name"]]}
    assert incident["start_unix_ns"] == incident["onset_unix_ns"] == recording.truth.onset_unix_ns
    assert incident["end_unix_ns"] == END_NS


def test_signals_are_interleaved_in_order_of_time(pack_folder: Path) -> None:
    last = [
        (one.signal, last_time_unix_ns(REQUEST_TYPES[one.signal].FromString(one.payload)))
        for one in open_pack(pack_folder).requests()
    ]
    assert [stamp for _, stamp in last] == sorted(stamp for _, stamp in last)
    assert len({signal for signal, _ in last[: len(last) // 4]}) == 3


def test_shifting_moves_every_stamp_by_one_distance_and_nothing_else(pack_folder: Path) -> None:
    pack = open_pack(pack_folder)
    new_end = END_NS + 123_456_789_012_345
    distance = new_end - pack.last_time_unix_ns()
    moved = list(pack.requests(shift_to_unix_ns=new_end))
    assert max(last_time_unix_ns(REQUEST_TYPES[r.signal].FromString(r.payload)) for r in moved) == new_end
    for before, after in zip(pack.requests(), moved, strict=True):
        assert (before.signal, before.items) == (after.signal, after.items)
        back = REQUEST_TYPES[after.signal].FromString(after.payload)
        shift_times(back, -distance)
        assert back == REQUEST_TYPES[before.signal].FromString(before.payload)


def test_shifting_reaches_events_and_all_metric_kinds_and_leaves_unset_stamps() -> None:
    traces, logs, metrics = (
        ExportTraceServiceRequest(),
        ExportLogsServiceRequest(),
        ExportMetricsServiceRequest(),
    )
    span = traces.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=100)
    span.events.add(time_unix_nano=150)
    record = logs.resource_logs.add().scope_logs.add().log_records.add(observed_time_unix_nano=200)
    scope = metrics.resource_metrics.add().scope_metrics.add()
    kinds = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    points = [
        getattr(scope.metrics.add(), kind).data_points.add(time_unix_nano=300, start_time_unix_nano=250)
        for kind in kinds
    ]
    points[1].exemplars.add(time_unix_nano=290)
    scope.metrics.add(name="empty")
    assert [last_time_unix_ns(one) for one in (traces, logs, metrics)] == [150, 200, 300]
    for request in (traces, logs, metrics):
        shift_times(request, 1000)
    assert (span.start_time_unix_nano, span.end_time_unix_nano, span.events[0].time_unix_nano) == (
        1100,
        0,
        1150,
    )
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (0, 1200)
    assert {(p.time_unix_nano, p.start_time_unix_nano) for p in points} == {(1300, 1250)}
    assert points[1].exemplars[0].time_unix_nano == 1290


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.999])
def test_a_truncated_file_is_told_with_file_offset_and_next_step(pack_folder: Path, keep: float) -> None:
    path = pack_folder / "traces.otlp.gz"
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(PackError, match=r"cut short.*build the pack again") as caught:
        open_pack(pack_folder).count()
    assert caught.value.path == str(path)
    assert caught.value.offset is not None
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (struct.pack(">I", 10) + b"abc", "after 3 of 10 bytes"),
        (b"\x00\x00", "within a length"),
        (struct.pack(">I", 0xFFFFFFF0), "limit"),
        (struct.pack(">I", 4) + b"\xff\xff\xff\xff", "no logs request"),
    ],
)
def test_a_damaged_stream_is_told_with_the_offset_of_the_frame(
    pack_folder: Path, content: bytes, message: str
) -> None:
    good = ExportLogsServiceRequest().SerializeToString()
    path = pack_folder / "logs.otlp.gz"
    path.write_bytes(gzip.compress(struct.pack(">I", len(good)) + good + content))
    with pytest.raises(PackError, match=message) as caught:
        open_pack(pack_folder).count()
    assert caught.value.offset == 4 + len(good)


def test_flipped_bytes_and_foreign_files_are_told(pack_folder: Path, tmp_path: Path) -> None:
    path = pack_folder / "metrics.otlp.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(bytes(data))
    with pytest.raises(PackError, match=r"corrupt|cut short|no metrics request"):
        open_pack(pack_folder).count()
    path.write_bytes(b"not gzip at all")
    with pytest.raises(PackError, match="corrupt"):
        open_pack(pack_folder).count()
    with pytest.raises(PackError, match=r"no pack: case\.json is missing"):
        open_pack(tmp_path)
    (tmp_path / "case.json").write_text("{")
    with pytest.raises(PackError, match="cannot read"):
        open_pack(tmp_path)
    (tmp_path / "case.json").write_text("{}")
    with pytest.raises(PackError, match=r"no \*\.otlp\.gz file"):
        open_pack(tmp_path)


def test_writing_over_a_pack_removes_signals_that_are_gone(recording: Recording, pack_folder: Path) -> None:
    logs = [one for one in recording.requests() if one.signal == "logs"]
    assert write_pack(pack_folder, logs, {"name": "x"}) == {"logs": recording.counts["log_records"]}
    assert open_pack(pack_folder).signals == ("logs",)


def test_the_command_writes_a_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--fault", "slow-gpu", "--hosts", "4", "--minutes", "1", "--spans", "2000", "--out"]
    assert main([*arguments, str(tmp_path / "out")]) == 0
    assert "traces" in capsys.readouterr().out
    assert open_pack(tmp_path / "out").case["name"] == "demo-slow-gpu-7"
    assert main([*arguments, str(tmp_path / "out"), "--hosts", "2"]) == 2
    assert "hosts is 2, outside 4-5000" in capsys.readouterr().err

"""GPU metrics against a fake of NVIDIA's library, CUDA events against fakes: no GPU is needed here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

pynvml = pytest.importorskip("pynvml")

from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402

import rootspan  # noqa: E402
from rootspan.gpu import CudaClock, GpuSampler  # noqa: E402
from rootspan.gpu import watch as watch_gpus  # noqa: E402
from rootspan.gpu.nvml import NvmlReader  # noqa: E402
from rootspan.resource.job import JobPlace  # noqa: E402
from rootspan.testing.capture import Captured  # noqa: E402
from rootspan.training.recorder import Recorder, replace_recorder  # noqa: E402
from support.fake_nvml import FakeNvml  # noqa: E402

Points = dict[str, list[tuple[dict[str, object], float]]]


class Bench:
    """A sampler on a fake library and a clock that a test moves."""

    def __init__(self, nvml: FakeNvml) -> None:
        self.nvml, self.now_s = nvml, 0.0
        reader = NvmlReader.open(nvml)
        assert isinstance(reader, NvmlReader)
        self._metrics = InMemoryMetricReader()
        self._provider = MeterProvider([self._metrics], shutdown_on_exit=False)
        GpuSampler(reader, self._provider.get_meter("test"), lambda: self.now_s).start()

    def collect(self) -> Points:
        """All points of one collection, ten seconds after the last."""
        self.now_s += 10
        found: Points = {}
        data = self._metrics.get_metrics_data()
        assert data is not None
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = [
                        (dict(point.attributes or {}), point.value)  # type: ignore[union-attr]
                        for point in metric.data.data_points
                    ]
        return found

    def close(self) -> None:
        self._provider.shutdown()


@pytest.fixture
def bench() -> Iterator[Bench]:
    running = Bench(FakeNvml())
    yield running
    running.close()


def test_each_gpu_is_told_with_its_identity(bench: Bench) -> None:
    points = bench.collect()
    identity = {
        "hw.type": "gpu",
        "hw.id": "GPU-1",
        "hw.name": "NVIDIA H100",
        "gpu.index": 1,
        "gpu.pci_address": "00000000:1b:00.0",
    }
    single = {name: values[1][1] for name, values in points.items() if values[1][0] == identity}
    assert single == {
        "hw.gpu.utilization": 0.97,
        "hw.gpu.memory.usage": 60 << 30,
        "hw.gpu.memory.limit": 80 << 30,
        "hw.temperature": 61,
        "hw.power": 512.345,
        "hw.energy": 9000,
        "hw.gpu.clock": 1980,
        "hw.gpu.memory.clock": 2619,
        "hw.gpu.throttled": 0,
    }
    traffic = {
        (told["gpu.index"], told["network.io.direction"]): value for told, value in points["hw.gpu.io"]
    }
    assert traffic[0, "transmit"] == 10 * 1024
    assert traffic[0, "receive"] == 20 * 1024
    assert points["hw.gpu.process.memory.usage"][0] == ({**identity, **_of(0), "process.pid": 4711}, 59 << 30)


def _of(index: int) -> dict[str, object]:
    return {"hw.id": f"GPU-{index}", "gpu.index": index, "gpu.pci_address": f"00000000:1{'ab'[index]}:00.0"}


def test_a_power_cap_is_no_throttling_and_heat_is(bench: Bench) -> None:
    hot = pynvml.nvmlClocksEventReasonHwThermalSlowdown | pynvml.nvmlClocksEventReasonSwPowerCap
    bench.nvml.state[1]["nvmlDeviceGetCurrentClocksEventReasons"] = hot
    values = {told["gpu.index"]: (value, told) for told, value in bench.collect()["hw.gpu.throttled"]}
    assert values[0][0] == 0
    assert values[1][0] == 1
    assert values[1][1]["hw.gpu.throttle_reasons"] == "hw_thermal"


def test_only_new_errors_are_told_and_once(bench: Bench) -> None:
    assert "hw.errors" not in bench.collect()  # three corrected errors are older than we are
    uncorrected = (
        "nvmlDeviceGetTotalEccErrors",
        pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
        pynvml.NVML_VOLATILE_ECC,
    )
    bench.nvml.state[0][uncorrected] = 2
    bench.nvml.state[1]["fields"][pynvml.NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL] = 7
    bench.nvml.xids = [(1, 79), (0, 48)]
    told = {
        (attributes["gpu.index"], attributes["error.type"], attributes.get("hw.error.code")): value
        for attributes, value in bench.collect()["hw.errors"]
    }
    assert told == {
        (0, "ecc_uncorrected", None): 2,
        (1, "nvlink_crc", None): 7,
        (1, "xid", "79"): 1,
        (0, "xid", "48"): 1,
    }
    assert "hw.errors" not in bench.collect()


def test_one_collection_reads_each_gpu_once(bench: Bench) -> None:
    bench.nvml.asked.clear()
    bench.collect()
    assert bench.nvml.asked.count("nvmlDeviceGetUtilizationRates") == 2


def test_what_a_gpu_does_not_support_is_left_out_and_not_asked_again() -> None:
    nvml = FakeNvml(1)
    for name in ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetTemperature"):
        del nvml.state[0][name]
    bench = Bench(nvml)
    nvml.asked.clear()
    points = bench.collect()
    bench.close()
    assert not {"hw.energy", "hw.temperature"} & points.keys()
    assert "hw.power" in points
    assert "nvmlDeviceGetTemperature" not in nvml.asked


def test_a_gpu_that_is_lost_tells_nothing_and_comes_back(bench: Bench) -> None:
    lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    healthy = bench.nvml.state[1]["nvmlDeviceGetTemperature"]
    bench.nvml.state[1]["nvmlDeviceGetTemperature"] = lost
    assert [told["gpu.index"] for told, _ in bench.collect()["hw.temperature"]] == [0]
    bench.nvml.state[1]["nvmlDeviceGetTemperature"] = healthy
    assert len(bench.collect()["hw.temperature"]) == 2


def test_without_a_gpu_it_says_why_and_starts_nothing() -> None:
    without_driver = FakeNvml(0)
    without_driver.init_error = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    assert "Not Found" in str(NvmlReader.open(without_driver))
    assert NvmlReader.open(FakeNvml(0)) == "this host has no NVIDIA GPU"


def test_on_this_host_watching_says_once_whether_there_is_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        pass
    else:
        pytest.skip("this host has a GPU")
    with caplog.at_level(logging.INFO, logger="rootspan"):
        assert watch_gpus() is False
    assert [record.message for record in caplog.records if "no GPU metrics" in record.message]
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    caplog.clear()
    assert watch_gpus() is False  # the first rank of the host does
    assert not caplog.records


class FakeEvent:
    """A CUDA event that happens when the device gets there."""

    def __init__(self, device: SimpleNamespace) -> None:
        self._device = device

    def record(self) -> None:
        self._device.enqueued += 1
        self.at = self._device.enqueued

    def query(self) -> bool:
        return bool(self._device.done >= self.at)

    def elapsed_time(self, end: FakeEvent) -> float:
        assert self.query()
        assert end.query()
        return float((end.at - self.at) * 1000)


def test_device_time_is_read_when_it_has_come_and_nobody_waits_for_it(captured: Captured) -> None:
    device = SimpleNamespace(enqueued=0, done=0, made=0)

    def make() -> FakeEvent:
        device.made += 1
        return FakeEvent(device)

    now = Recorder(JobPlace(job="llm"))
    now.device_clock = CudaClock(make)
    replace_recorder(now)
    try:
        for number in range(3):
            with rootspan.train_step(number), rootspan.phase("forward"):
                pass
            if number == 1:
                assert "train.step" not in captured.names()  # the device has not begun
                device.done = 2  # it has done the first step
        steps = [span for span in captured.spans if span.name == "train.step"]
        assert [span.attributes["training.step"] for span in steps] == [0]
        assert steps[0].attributes["training.phase.forward.gpu_seconds"] == 1.0
        assert device.made == 6
        device.done = 6
        with rootspan.train_step(3), rootspan.phase("forward"):
            pass
        now.end_device_steps(wait_for_device=False)
        steps = [span for span in captured.spans if span.name == "train.step"]
        assert [span.attributes["training.step"] for span in steps] == [0, 1, 2, 3]
        assert "training.phase.forward.gpu_seconds" not in steps[3].attributes
        assert device.made == 6  # those of the first step were used again
    finally:
        replace_recorder(None)


def test_many_steps_that_the_device_never_ends_are_let_go(captured: Captured) -> None:
    device = SimpleNamespace(enqueued=0, done=0)
    now = Recorder(JobPlace(job="llm"))
    now.device_clock = CudaClock(lambda: FakeEvent(device))
    replace_recorder(now)
    try:
        for number in range(70):
            with rootspan.train_step(number), rootspan.phase("forward"):
                pass
    finally:
        replace_recorder(None)
    assert captured.names().count("train.step") == 6


def test_a_real_gpu_is_read() -> None:
    reader = NvmlReader.open(pynvml)
    if not isinstance(reader, NvmlReader):
        pytest.skip(reader)
    for reading in reader.read():
        assert reading.gpu.uuid.startswith("GPU-")
        assert reading.utilization_ratio is None or 0 <= reading.utilization_ratio <= 1
    assert reader.new_xids() == []


def test_real_cuda_events_time_what_the_device_does_and_nobody_waits() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA device")
    matrix = torch.randn(4096, 4096, device="cuda")
    clock = CudaClock.of_torch()
    assert clock is not None
    torch.cuda.synchronize()
    begin = clock.mark()
    for _ in range(50):
        matrix = (matrix @ matrix).tanh()
    end = clock.mark()
    took_s = clock.seconds(begin, end)
    if took_s is None:  # as a rule: the device is not there yet, and asking did not wait for it
        torch.cuda.synchronize()
        took_s = clock.seconds(begin, end)
    assert took_s is not None
    assert took_s > 0

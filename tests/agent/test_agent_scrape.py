"""Scraping Prometheus endpoints: over real HTTP, by the real agent; and what a bad endpoint does."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, start_http_server

from rootspan.testing import Receiver, attributes_of
from rootspan_agent import Agent, AgentError, AgentSettings, target_of
from rootspan_agent.errors import ScrapeFailed, SettingsError
from rootspan_agent.scrape import page
from rootspan_agent.scrape.dcgm import Dcgm
from rootspan_agent.scrape.page import fetch_page, read_page
from rootspan_agent.scrape.reading import Number, Point, points_of
from support.processes import Process

DCGM = (Path(__file__).parent / "samples" / "dcgm.prom").read_text()
"""In the format of NVIDIA's dcgm-exporter 4 and its default counters; the values are made up."""


class ScrapingAgent(Process):
    """The agent with nothing but an endpoint."""

    def __init__(self, folder: Path, receiver: Receiver, *flags: str) -> None:
        arguments = ["-m", "rootspan_cli", "agent", "--endpoint", receiver.endpoint, "--host", "here"]
        arguments += ["--state", str(folder / "state"), "--no-gpus", "--no-journal", *flags]
        super().__init__("agent", arguments, folder / "agent.log")

    def is_ready(self) -> bool:
        return "agent sends to" in self.output


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP server on loopback; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the agent had enough
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def write(to: BaseHTTPRequestHandler, text: str, status: int = 200) -> None:
    to.send_response(status)
    to.end_headers()
    to.wfile.write(text.encode())


def numbers(metric: Metric) -> list[NumberDataPoint]:
    return [*metric.gauge.data_points, *metric.sum.data_points]


@pytest.mark.process
def test_all_kinds_of_metrics_arrive_with_who_told_them(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Counter("requests", "Served.", ["route"], registry=registry).labels("/v1").inc(7)
    Gauge("waiting", "In queue.", registry=registry).set(3)
    took = Histogram("took_seconds", "A request.", buckets=(0.1, 1), registry=registry)
    for seconds in (0.05, 0.5, 0.6, 30):
        took.observe(seconds)
    Summary("size_bytes", "A body.", registry=registry).observe(12)
    server, _ = start_http_server(0, "127.0.0.1", registry=registry)
    try:
        with Receiver() as receiver:
            url = f"vllm=http://127.0.0.1:{server.server_port}"
            agent = ScrapingAgent(tmp_path, receiver, "--scrape", url, "--once")
            agent.launch()
            assert agent.wait(60) == 0, agent.output
            assert "scraped series sent" in agent.output
            told = {metric.name: (attributes_of(who), metric) for who, metric in receiver.metrics()}
    finally:
        server.shutdown()
        server.server_close()
    who, requests = told["requests_total"]
    instance = f"127.0.0.1:{server.server_port}"
    assert who == {"service.name": "vllm", "service.instance.id": instance, "host.name": "here"}
    assert requests.sum.is_monotonic
    (point,) = requests.sum.data_points
    assert (point.as_double, point.attributes[0].key, point.attributes[0].value.string_value) == (
        7,
        "route",
        "/v1",
    )
    assert 0 < point.start_time_unix_nano <= point.time_unix_nano
    assert told["waiting"][1].gauge.data_points[0].as_double == 3
    (times,) = told["took_seconds"][1].histogram.data_points
    assert list(times.explicit_bounds) == [0.1, 1.0]
    assert list(times.bucket_counts) == [1, 2, 1]
    assert (times.count, times.sum) == (4, pytest.approx(31.15))
    (sizes,) = told["size_bytes"][1].summary.data_points
    assert (sizes.count, sizes.sum) == (1, 12)
    assert told["up"][1].gauge.data_points[0].as_double == 1
    assert not any(name.endswith("_created") for name in told)


@pytest.mark.process
def test_a_counter_that_fell_begins_anew_and_a_dead_endpoint_is_down(tmp_path: Path) -> None:
    pages = iter(["# TYPE n counter\nn 5\n", "# TYPE n counter\nn 9\n", "# TYPE n counter\nn 2\n"])

    def answer(to: BaseHTTPRequestHandler) -> None:
        text = next(pages, None)
        write(to, text or "", 200 if text else 503)

    with Receiver() as receiver, serving(answer) as url:
        agent = ScrapingAgent(tmp_path, receiver, "--scrape", url, "--scrape-every", "0.2")

        def series(name: str) -> list[NumberDataPoint]:
            return [one for _, metric in receiver.metrics() if metric.name == name for one in numbers(metric)]

        with agent.running():
            receiver.wait_for(lambda _: [one.as_double for one in series("up")][:4] == [1, 1, 1, 0], 30)
        points = series("n")
    assert [one.as_double for one in points] == [5, 9, 2]
    first, second, third = (one.start_time_unix_nano for one in points)
    assert first == second == points[0].time_unix_nano
    assert third == points[1].time_unix_nano
    assert "HTTP status 503" in agent.output
    assert agent.output.count("cannot be scraped") == 1


def normalised(dcgm: Dcgm, text: str) -> dict[tuple[str, str], Point]:
    found = list(dcgm.normalise(points_of(read_page(text))))
    return {(one.name, str(one.attributes.get("gpu.index", ""))): one for one in found}


def value(point: Point) -> float:
    assert isinstance(point.value, Number)
    return point.value.value


def test_dcgm_speaks_as_the_gpu_sampler_does() -> None:
    found = normalised(Dcgm(), DCGM)
    clock = found["hw.gpu.clock", "0"]
    assert clock.host == "node-7"
    assert clock.attributes["hw.id"] == "GPU-0a"
    assert clock.attributes["gpu.pci_address"] == "00000000:0D:00.0"
    assert clock.attributes["k8s.pod.name"] == "llm-0"
    assert "k8s.pod.name" not in found["hw.gpu.clock", "1"].attributes
    values = {name: value(point) for (name, gpu), point in found.items() if gpu == "0"}
    assert values["hw.gpu.clock"] == 1980
    assert values["hw.gpu.utilization"] == pytest.approx(0.97)
    assert values["hw.power"] == 412.5
    assert values["hw.energy"] == pytest.approx(31035686.671)
    assert found["hw.energy", "0"].kind == "counter"
    assert values["hw.gpu.memory.usage"] == 80000 * 2**20
    assert values["hw.gpu.memory.limit"] == 81024 * 2**20
    assert values["hw.gpu.throttled"] == 1
    assert found["hw.gpu.throttled", "0"].attributes["hw.gpu.throttle_reasons"] == "hw_slowdown,hw_thermal"
    assert value(found["hw.gpu.throttled", "1"]) == 0, "a power cap alone is how most GPUs run"
    assert values["DCGM_FI_DEV_PCIE_REPLAY_COUNTER"] == 3, "what has no name of rootspan's keeps its own"
    assert ("DCGM_FI_DEV_MEMORY_TEMP", "0") not in found, "blank"
    assert not [name for name, _ in found if name == "hw.errors"], "errors of before are no news"


def test_only_new_errors_of_a_gpu_are_told_and_once() -> None:
    dcgm = Dcgm()
    normalised(dcgm, DCGM)
    worse = DCGM.replace('node-7"} 0\n', 'node-7"} 79\n').replace('node-7"} 2\n', 'node-7"} 5\n')
    errors = [one for one in dcgm.normalise(points_of(read_page(worse))) if one.name == "hw.errors"]
    told = [(one.attributes["error.type"], one.attributes.get("hw.error.code"), value(one)) for one in errors]
    assert told == [("xid", "79", 1.0), ("ecc_uncorrected", None, 3.0)]
    assert {one.attributes["gpu.index"] for one in errors} == {"0"}
    assert not [one for one in dcgm.normalise(points_of(read_page(worse))) if one.name == "hw.errors"]


def test_an_endpoint_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        while True:
            to.wfile.write(b"# more\n")
            time.sleep(0.02)

    def flood(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        while True:
            to.wfile.write(b"#" * 65536)

    monkeypatch.setattr(page, "MAX_PAGE_BYTES", 1 << 20)
    with serving(drip) as url, pytest.raises(ScrapeFailed, match="did not end within"):
        fetch_page(url, 0.3)
    with serving(flood) as url, pytest.raises(ScrapeFailed, match="larger than 1048576 bytes"):
        fetch_page(url, 10)
    with serving(lambda to: time.sleep(5)) as url, pytest.raises(ScrapeFailed, match="timed out"):
        fetch_page(url, 0.2)


def test_a_page_of_another_kind_is_refused() -> None:
    with pytest.raises(ScrapeFailed, match="text format"):
        read_page("<html><body>Sign in</body></html>")


@pytest.mark.parametrize(
    ("text", "name", "url"),
    [
        ("http://h:9400", "prometheus", "http://h:9400/metrics"),
        ("dcgm=http://h:9400/metrics", "dcgm", "http://h:9400/metrics"),
        ("http://h/x?a=b", "prometheus", "http://h/x?a=b"),
        ("q=https://h/probe?target=t", "q", "https://h/probe?target=t"),
    ],
)
def test_endpoints_are_written_with_or_without_a_name(text: str, name: str, url: str) -> None:
    target = target_of(text)
    assert (target.name, target.url) == (name, url)


@pytest.mark.parametrize("text", ["h:9400", "file:///etc/passwd", "=http://h", "http://", "http://h:port"])
def test_what_is_no_endpoint_is_told_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="write"):
        target_of(text)


def test_an_endpoint_is_scraped_by_one_thread_only(tmp_path: Path) -> None:
    target = target_of("http://127.0.0.1:1")
    with pytest.raises(AgentError, match="twice"):
        Agent(AgentSettings(tmp_path, scrape=(target, target)))

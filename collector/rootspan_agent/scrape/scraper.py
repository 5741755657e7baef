"""Scrapes one endpoint at an interval and sends what it told, on a thread of its own.

Owns the rhythm, and what is said of failures: by the metric `up`, as Prometheus does, and once a minute in
the log. What cannot be sent is not sent later: the next reading says more.
"""

import logging
import threading
import time
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from rootspan_agent.channel import metadata_of, open_channel
from rootspan_agent.errors import ScrapeFailed
from rootspan_agent.scrape.dcgm import Dcgm
from rootspan_agent.scrape.otlp import Encoder
from rootspan_agent.scrape.page import fetch_page, read_page
from rootspan_agent.scrape.reading import Number, Point, points_of
from rootspan_agent.scrape.target import Target
from rootspan_agent.settings import AgentSettings

__all__ = ["Scraper"]

_METHOD: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
_LONGEST_S: Final = 10.0
"""Of a scrape; less where the interval is shorter."""
_SAY_AGAIN_S: Final = 60.0
_log = logging.getLogger("rootspan.agent")


class Scraper:
    """Runs from `start` to `stop`; scrapes once at least.

    Attributes:
        n_sent: Series that the collector took.
    """

    def __init__(self, target: Target, settings: AgentSettings) -> None:
        self._target, self._settings = target, settings
        self._encoder, self._dcgm = Encoder(target, settings.host), Dcgm()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"scrape-{target.instance}", daemon=True)
        self._said_at = float("-inf")
        self.n_sent = 0

    def start(self) -> None:
        """Scrape from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End after the scrape that is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(3 * _LONGEST_S)

    def _run(self) -> None:
        with open_channel(self._settings.endpoint, self._settings.ca) as channel:
            export = channel.unary_unary(_METHOD, None, ExportMetricsServiceResponse.FromString)
            due = time.monotonic()
            while True:
                points = self._scrape()
                self._send(export, points)
                due = max(due + self._settings.scrape_s, time.monotonic())
                if self._stopping.wait(due - time.monotonic()):
                    return

    def _scrape(self) -> list[Point]:
        """What the endpoint tells, and how the scrape went."""
        began = time.monotonic()
        points: list[Point] = []
        is_up = True
        try:
            page = fetch_page(self._target.url, min(_LONGEST_S, self._settings.scrape_s))
            points = list(self._dcgm.normalise(points_of(read_page(page))))
        except ScrapeFailed as err:
            is_up = False
            self._say(f"{self._target.url} cannot be scraped: {err}")
        return [
            *points,
            Point("up", "gauge", Number(float(is_up)), {}),
            Point("scrape_duration_seconds", "gauge", Number(time.monotonic() - began), {}, "s"),
            Point("scrape_samples_scraped", "gauge", Number(float(len(points))), {}),
        ]

    def _send(self, export: Any, points: list[Point]) -> None:
        body = self._encoder.encode(points, time.time_ns())
        try:
            export(body, timeout=_LONGEST_S, metadata=metadata_of(self._settings.token))
        except grpc.RpcError as err:
            code: Any = err.code()
            self._say(f"{self._settings.endpoint} took no metrics of {self._target.url}: {code.name}")
        else:
            self.n_sent += len(points)

    def _say(self, words: str) -> None:
        """Once a minute: an endpoint that is away for a night is no reason for a full disk."""
        now = time.monotonic()
        if now - self._said_at >= _SAY_AGAIN_S:
            self._said_at = now
            _log.warning("%s", words)

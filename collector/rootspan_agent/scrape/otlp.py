"""Makes an OTLP request of what a scrape told.

Owns when each counter began: at the first scrape that saw it, or at the last one before it fell.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ScopeMetrics

from rootspan import semconv
from rootspan_agent.scrape.reading import Attributes, Histogram, Number, Point, Quantiles
from rootspan_agent.scrape.target import Target

__all__ = ["Encoder"]

_SCOPE: Final = "rootspan.agent.scrape"
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_Series = tuple[str, str, frozenset[tuple[str, str]]]


class Encoder:
    """Of one endpoint; scrapes are encoded in their order."""

    def __init__(self, target: Target, host: str) -> None:
        """`host` is this machine's name."""
        self._target = target
        self._host = host if target.is_here else target.host
        self._began: dict[_Series, tuple[int, float]] = {}
        self._last_ns = 0

    def encode(self, points: Iterable[Point], at_ns: int) -> bytes:
        """A request of the points of one scrape."""
        request = ExportMetricsServiceRequest()
        scopes: dict[str, ScopeMetrics] = {}
        metrics: dict[tuple[str, str, str], Metric] = {}
        began: dict[_Series, tuple[int, float]] = {}
        for point in points:
            host = point.host or self._host
            scope = scopes.get(host) or self._open(request, scopes, host)
            key = (host, point.name, point.kind)
            metric = metrics.get(key)
            if metric is None:
                metric = metrics[key] = scope.metrics.add()
                metric.name, metric.unit, metric.description = point.name, point.unit, point.help
            self._add(metric, point, at_ns, self._start(began, host, point, at_ns))
        # A series that is gone and comes back begins anew.
        self._began, self._last_ns = began, at_ns
        return request.SerializeToString()

    def _open(
        self, request: ExportMetricsServiceRequest, scopes: dict[str, ScopeMetrics], host: str
    ) -> ScopeMetrics:
        told = {
            semconv.SERVICE_NAME: self._target.name,
            semconv.SERVICE_INSTANCE_ID: self._target.instance,
            semconv.HOST_NAME: host,
        }
        resource = request.resource_metrics.add()
        resource.resource.attributes.extend(_pairs(told))
        scope = scopes[host] = resource.scope_metrics.add()
        scope.scope.name = _SCOPE
        return scope

    def _start(self, began: dict[_Series, tuple[int, float]], host: str, point: Point, at_ns: int) -> int:
        if point.kind == "gauge":
            return 0
        series = (host, point.name, frozenset(point.attributes.items()))
        amount = _amount(point)
        start_ns, before = self._began.get(series, (at_ns, amount))
        if amount < before:
            start_ns = self._last_ns
        began[series] = start_ns, amount
        return start_ns

    @staticmethod
    def _add(metric: Metric, point: Point, at_ns: int, start_ns: int) -> None:
        match point.value:
            case Number(value):
                if point.kind == "counter":
                    metric.sum.aggregation_temporality, metric.sum.is_monotonic = _CUMULATIVE, True
                one = (metric.sum if point.kind == "counter" else metric.gauge).data_points.add(
                    time_unix_nano=at_ns, start_time_unix_nano=start_ns, as_double=value
                )
                one.attributes.extend(_pairs(point.attributes))
            case Histogram(below, total):
                metric.histogram.aggregation_temporality = _CUMULATIVE
                counts = [int(count) for _, count in below]
                parts = metric.histogram.data_points.add(
                    time_unix_nano=at_ns,
                    start_time_unix_nano=start_ns,
                    count=counts[-1],
                    sum=total,
                    explicit_bounds=[bound for bound, _ in below[:-1]],
                    bucket_counts=[counts[0], *(max(0, b - a) for a, b in pairwise(counts))],
                )
                parts.attributes.extend(_pairs(point.attributes))
            case Quantiles(values, count, total):
                summary = metric.summary.data_points.add(
                    time_unix_nano=at_ns, start_time_unix_nano=start_ns, count=int(count), sum=total
                )
                for quantile, value in values:
                    summary.quantile_values.add(quantile=quantile, value=value)
                summary.attributes.extend(_pairs(point.attributes))


def _amount(point: Point) -> float:
    """What only grows until the endpoint starts anew."""
    match point.value:
        case Number(value):
            return value
        case Histogram(below, _):
            return below[-1][1]
        case Quantiles(_, count, _):
            return count


def _pairs(attributes: Attributes) -> Iterable[KeyValue]:
    for key, value in attributes.items():
        pair = KeyValue(key=key)
        pair.value.string_value = value
        yield pair

"""GPU gauges of every ranker's host, following the load that it served.

Owns the relation between load, clock, power and heat, and the metrics' encoding. A dead host reports nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ScopeMetrics

from rootspan import semconv
from rootspan_demo.encoder import SCOPE, Stamped
from rootspan_demo.fleet import Fleet
from rootspan_demo.flow import METRIC_INTERVAL_S
from rootspan_demo.otlp import OtlpRequest
from rootspan_demo.plan import Plan
from rootspan_demo.wire import Mark, Template, attribute, cut_template, encode_doubles, encode_fixed64, frame

__all__ = ["GAUGES", "encode_metrics", "gauge_values"]

GAUGES: Final = (
    (semconv.METRIC_GPU_UTILIZATION, "1"),
    (semconv.METRIC_GPU_MEMORY_USAGE, "By"),
    (semconv.METRIC_GPU_CLOCK, "MHz"),
    (semconv.METRIC_GPU_THROTTLED, "1"),
    (semconv.METRIC_TEMPERATURE, "Cel"),
    (semconv.METRIC_POWER, "W"),
)
CLOCK_MHZ: Final = 1755.0
MEMORY_BYTES: Final = 52e9
IDLE_W, FULL_W = 95.0, 610.0
HEATING_TIME_S: Final = 40.0
HOSTS_PER_REQUEST: Final = 500
Floats = NDArray[np.float64]


def gauge_values(
    fleet: Fleet, plan: Plan, busy_s: Floats, duration_s: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Gauges of all rankers.

    Returns:
        Stamps in seconds of the recording, (intervals,), and values, (intervals, rankers, GAUGES); NaN
        where the host is dead or mute.
    """
    intervals = int(duration_s // METRIC_INTERVAL_S)
    rankers = len(fleet.rankers)
    at = np.arange(1, intervals + 1, dtype=np.float64) * METRIC_INTERVAL_S - 0.5
    shape = (intervals, rankers)
    load = np.clip(busy_s[:intervals] / METRIC_INTERVAL_S + rng.normal(0, 0.01, shape), 0.0, 1.0)
    changed = plan.is_changed(at)
    clock = CLOCK_MHZ * (1 - 0.012 * load) * np.exp(rng.normal(0, 0.003, rankers)) + rng.normal(0, 4, shape)
    clock *= np.where(changed, plan.clock_factor, 1.0)
    power = (
        IDLE_W
        + (FULL_W - IDLE_W) * load * np.where(changed, plan.clock_factor, 1.0)
        + rng.normal(0, 6, shape)
    )
    inlet = 27 + rng.normal(0, 1.2, rankers)
    # A GPU warms and cools within a minute, so heat follows the load of the intervals before.
    keep = np.exp(-METRIC_INTERVAL_S / HEATING_TIME_S)
    heat = np.empty(shape)
    level = 0.062 * power[0] if intervals else np.zeros(rankers)
    for i in range(intervals):
        target = 0.062 * power[i] + np.where(changed[i], plan.heat_c, 0.0)
        level = keep * level + (1 - keep) * target
        heat[i] = level
    blips = rng.random(shape) < 0.0005  # a power brake or a thermal sensor's glitch; without consequence
    memory = MEMORY_BYTES * (1 + rng.normal(0, 0.01, rankers)) + 2e9 * load + rng.normal(0, 5e7, shape)
    throttled = (changed & plan.throttled) | blips
    temperature = inlet + heat + rng.normal(0, 0.4, shape)
    values: Floats = np.stack([load, np.round(memory), clock, 1.0 * throttled, temperature, power], axis=2)
    silent_s = np.minimum(plan.dies_s, plan.muted_s[fleet.rankers])
    values[at[:, None] >= silent_s[None, :]] = np.nan
    return at, values


def _template() -> Template:
    """All gauges of one host at one moment, as the scope's message."""
    when = (0xF7A1B2C3D4E5F6A7).to_bytes(8, "little")
    scope = ScopeMetrics(scope=SCOPE)
    marks = {}
    for k, (name, unit) in enumerate(GAUGES):
        moment = when[:-1] + bytes([0x10 + k])
        value = 1.2345678901 + k
        point = NumberDataPoint(time_unix_nano=int.from_bytes(moment, "little"), as_double=value)
        point.attributes.append(attribute("hw.type", "gpu"))
        scope.metrics.append(Metric(name=name, unit=unit, gauge=Gauge(data_points=[point])))
        marks[f"time.{k}"] = Mark(moment, 8)
        marks[f"value.{k}"] = Mark(np.float64(value).tobytes(), 8)
    return cut_template(scope, marks, field=2)


def encode_metrics(
    hosts: NDArray[np.int64], at_s: Floats, values: Floats, resources: Sequence[bytes], begin_ns: int
) -> Iterator[Stamped]:
    """Encode gauges, a request for each moment (and for each 500 hosts).

    Args:
        hosts: Instance that reports, (intervals, rankers).
        at_s, values: As `gauge_values` returns them.
        resources: Framed resource of each instance.
    """
    template = _template()
    for i, moment in enumerate(at_s):
        alive = np.flatnonzero(~np.isnan(values[i, :, 0]))
        stamp = begin_ns + round(moment * 1e9)
        for low in range(0, len(alive), HOSTS_PER_REQUEST):
            part = alive[low : low + HOSTS_PER_REQUEST]
            n = len(part)
            times = encode_fixed64(np.full(n, stamp, dtype=np.int64))
            columns = {f"time.{k}": times for k in range(len(GAUGES))}
            columns |= {f"value.{k}": encode_doubles(values[i, part, k]) for k in range(len(GAUGES))}
            rows = template.render(n, columns)
            payload = b"".join(
                frame(1, [resources[hosts[i, ranker]], rows[j].tobytes()]) for j, ranker in enumerate(part)
            )
            yield Stamped(stamp, OtlpRequest("metrics", payload, n * len(GAUGES)))

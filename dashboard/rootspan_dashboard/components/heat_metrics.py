"""What the fleet's heatmap can show.

Where each measure comes from, its unit, and which side of the peers is bad.
"""

from dataclasses import dataclass
from typing import Final, Literal

from rootspan_analysis.views.heat_grid import Direction

__all__ = ["HEAT_METRICS", "HeatMetric"]


@dataclass(frozen=True, slots=True)
class HeatMetric:
    """One measure of a host.

    Attributes:
        unit: As `formats.format_value` reads it.
        gauge: Name of the gauge that holds it; empty: it comes from spans.
        column: Column of the cells, after `derive`.
        quantile: Of the latency, where that is what is shown.
        compare: How a host is held against its peers.
    """

    label: str
    unit: str
    column: str
    compare: Literal["ratio", "difference"]
    worst: Direction
    gauge: str = ""
    quantile: float = 0.95

    @property
    def words(self) -> str:
        """The label within a sentence: `error rate`, `GPU clock`."""
        return self.label if self.label[:2].isupper() else f"{self.label[:1].lower()}{self.label[1:]}"


HEAT_METRICS: Final = {
    "p95": HeatMetric("Latency p95", "ms", "latency_ms", "ratio", "high"),
    "p50": HeatMetric("Latency p50", "ms", "latency_ms", "ratio", "high", quantile=0.5),
    "errors": HeatMetric("Error rate", "ratio", "error_ratio", "difference", "high"),
    "rate": HeatMetric("Throughput", "/s", "rate_per_s", "ratio", "both"),
    "gpu": HeatMetric(
        "GPU utilisation", "ratio", "mean_value", "difference", "both", gauge="hw.gpu.utilization"
    ),
    "temp": HeatMetric("Temperature", "Cel", "max_value", "difference", "high", gauge="hw.temperature"),
    "throttled": HeatMetric(
        "Throttled", "ratio", "mean_value", "difference", "high", gauge="hw.gpu.throttled"
    ),
    "clock": HeatMetric("GPU clock", "MHz", "mean_value", "ratio", "low", gauge="hw.gpu.clock"),
    "power": HeatMetric("Power", "W", "mean_value", "ratio", "both", gauge="hw.power"),
}
"""By their name in the URL."""

"""What gauges of machines are called, and their values with units, for sentences and charts. Pure."""

from collections.abc import Mapping
from typing import Final

from rootspan import semconv

__all__ = ["GAUGES", "call_gauge", "say_gauge"]

GAUGES: Final[Mapping[str, tuple[str, str]]] = {
    "hw.gpu.utilization": ("GPU utilisation", "ratio"),
    "hw.gpu.clock": ("GPU clock", "MHz"),
    "hw.temperature": ("Temperature", "Cel"),
    "hw.power": ("Power", "W"),
    "hw.gpu.memory.usage": ("GPU memory", "By"),
    "hw.gpu.throttled": ("GPU throttling", "ratio"),
    semconv.METRIC_CPU_PRESSURE: ("Waiting for a processor", "ratio"),
}
"""By metric: words, and the unit as charts read it (`ratio` is a share of 1)."""


def call_gauge(metric: str) -> str:
    """`GPU clock (hw.gpu.clock)`; the bare name of a gauge that has no words."""
    return f"{GAUGES[metric][0]} ({metric})" if metric in GAUGES else metric


def say_gauge(metric: str, value: float) -> str:
    """`936 MHz`, `59.8 °C`, `45.0 %`; four digits without a unit where none is known."""
    match GAUGES.get(metric, ("", ""))[1]:
        case "ratio":
            return f"{value * 100:.3g} %"
        case "MHz":
            return f"{value:,.0f} MHz"
        case "Cel":
            return f"{value:.1f} °C"
        case "By":
            return f"{value / 1e9:.3g} GB"
        case "":
            return f"{value:.4g}"
        case unit:
            return f"{value:.4g} {unit}"

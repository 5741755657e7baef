"""What one scrape told, in OpenTelemetry's kinds. Pure.

Source of the rules: the specification's "Prometheus and OpenMetrics Compatibility".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

__all__ = ["Attributes", "Histogram", "Number", "Point", "Quantiles", "points_of"]

Attributes = Mapping[str, str]
_NUMBERS: Final[Mapping[str, Literal["gauge", "counter"]]] = {
    "counter": "counter",
    "gauge": "gauge",
    "unknown": "gauge",
    "untyped": "gauge",
    "info": "gauge",
    "stateset": "gauge",
}


@dataclass(frozen=True, slots=True)
class Number:
    """A gauge's or a counter's value."""

    value: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts below bounds, cumulative as Prometheus tells them.

    Attributes:
        below: By upper bound, ascending; the last one is infinite.
    """

    below: tuple[tuple[float, float], ...]
    total: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A summary: value by quantile."""

    values: tuple[tuple[float, float], ...]
    count: float
    total: float


@dataclass(frozen=True, slots=True)
class Point:
    """One series at the time of the scrape.

    Attributes:
        kind: What its value is: a counter's, histogram's and summary's counts only grow.
        host: The machine it is about, where the page says so.
        attributes: Its labels.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram", "summary"]
    value: Number | Histogram | Quantiles
    attributes: Attributes
    unit: str = ""
    help: str = field(default="", compare=False)
    host: str = ""


def points_of(families: Iterable[Metric]) -> Iterator[Point]:
    """All series of a page, in its order."""
    for family in families:
        if family.type in ("histogram", "summary"):
            yield from _grouped(family)
            continue
        kind = _NUMBERS.get(family.type, "gauge")
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield Point(
                    sample.name,
                    kind,
                    Number(float(sample.value)),
                    sample.labels,
                    family.unit,
                    family.documentation,
                )


def _grouped(family: Metric) -> Iterator[Point]:
    """Series of which several lines tell one."""
    own = {"histogram": "le", "summary": "quantile"}[family.type]
    lines: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != own)
        lines.setdefault(labels, []).append(sample)
    for labels, samples in lines.items():
        sized = {one.name.removeprefix(family.name): one.value for one in samples if own not in one.labels}
        parts = sorted((float(one.labels[own]), one.value) for one in samples if own in one.labels)
        count, total = sized.get("_count", 0.0), sized.get("_sum", 0.0)
        if family.type == "summary":
            value: Histogram | Quantiles = Quantiles(tuple(parts), count, total)
        else:
            if not parts or parts[-1][0] != float("inf"):
                parts.append((float("inf"), count))
            value = Histogram(tuple(parts), total)
        kind: Literal["histogram", "summary"] = "summary" if family.type == "summary" else "histogram"
        yield Point(family.name, kind, value, dict(labels), family.unit, family.documentation)

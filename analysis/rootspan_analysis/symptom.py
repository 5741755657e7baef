"""What a user of the system notices: requests slower, failing, or fewer than their own past.

Owns the root spans' contrast. Names no cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.contrast import (
    MIN_BUCKETS,
    Interval,
    anscombe_z,
    expected_rate,
    interval_shift,
    scan,
    scan_failures,
    without_outliers,
)
from rootspan_analysis.explanation import Symptom
from rootspan_analysis.reader import Floats, Reader, Strings, Value, fetch, numbers, strings
from rootspan_analysis.scene import Scene
from rootspan_analysis.window import Timeline

__all__ = ["MIN_TRAFFIC", "Requests", "Symptoms", "fetch_requests", "find_symptoms", "load_during"]

MIN_Z: Final = 5.0
MIN_LATENCY: Final = float(np.log(1.1))
"""1.1: the lower end of root-cause.md's minimum effects; a symptom only opens the question."""
MIN_ERROR_RATE: Final = 0.002
MIN_TRAFFIC: Final = 1.3


@dataclass(frozen=True, slots=True)
class Requests:
    """Root spans by (service, operation) and bucket. Matrices are (operations, buckets).

    Attributes:
        quantiles_ms: (operations, buckets, 3): median, 90 %, 99 %; NaN where there are no requests.
    """

    service: Strings
    operation: Strings
    n: Floats
    weight: Floats
    errors: Floats
    total_ms: Floats
    log_sum: Floats
    quantiles_ms: Floats

    def __len__(self) -> int:
        return len(self.service)


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What was found.

    Attributes:
        visible: Whether a user notices: latency or errors.
        load: Traffic in the window as a multiple of the baseline's.
        interval: When; the search interval if nothing is visible.
        excess_s, errors: Beyond the usual in that time, scaled up for sampling.
        spent_s: What requests took altogether in that time, scaled up likewise.
    """

    symptom: Symptom
    visible: bool
    load: float
    interval: Interval
    excess_s: float
    errors: float
    spent_s: float


def fetch_requests(client: Reader, timeline: Timeline, parameters: Mapping[str, Value]) -> Requests:
    """Root spans of the question's time. May be empty.

    Raises:
        StoreError: The store did not answer.
    """
    table = fetch(client, "roots", parameters)
    names = list(zip(strings(table, "service"), strings(table, "operation"), strict=True))
    order = {name: i for i, name in enumerate(sorted(set(names)))}
    row = np.array([order[name] for name in names], dtype=np.int64)
    place = timeline.places(numbers(table, "bucket").astype(np.int64)) if len(row) else row
    inside = place >= 0
    shape = (len(order), timeline.size)

    def matrix(column: str) -> Floats:
        found = np.zeros(shape)
        if len(row):
            found[row[inside], place[inside]] = numbers(table, column)[inside]
        return found

    quantiles = np.full((*shape, 3), np.nan)
    if len(row):
        flat = table.column("quantiles_ms").combine_chunks().flatten().to_numpy().reshape(-1, 3)
        quantiles[row[inside], place[inside]] = flat[inside]
    keys = sorted(order)
    service, operation = np.empty(len(keys), dtype=np.object_), np.empty(len(keys), dtype=np.object_)
    service[:], operation[:] = [one[0] for one in keys], [one[1] for one in keys]
    return Requests(
        service=service,
        operation=operation,
        n=matrix("n"),
        weight=matrix("weight"),
        errors=matrix("errors"),
        total_ms=matrix("total_ms"),
        log_sum=matrix("log_sum"),
        quantiles_ms=quantiles,
    )


def median_request_ms(requests: Requests, base: np.ndarray) -> float:
    """Median duration of requests in the baseline, over operations by their number."""
    if not len(requests):
        return 0.0
    n = requests.n[:, base]
    median = np.nan_to_num(requests.quantiles_ms[:, base, 0])
    return float((n * median).sum() / max(n.sum(), 1.0))


def find_symptoms(requests: Requests, scene: Scene) -> Symptoms:
    """Contrast requests with their own past: latency, errors, traffic; the strongest is the symptom."""
    whole = scene.search
    none = Symptoms(Symptom("none", "requests are as they were"), False, 1.0, whole, 0.0, 0.0, 0.0)
    if not len(requests):
        return none
    strata = np.arange(len(requests))
    n, base = requests.n, scene.base
    quiet_log = without_outliers(requests.log_sum, n, base)
    usual_log = np.nan_to_num(expected_rate(quiet_log, n, base, strata))
    usual_ms = np.nan_to_num(expected_rate(requests.total_ms, n, base, strata))
    usual_rate = np.nan_to_num(expected_rate(requests.errors, n, base, strata))
    slow = requests.log_sum - n * usual_log[:, None]
    failing = requests.errors - n * usual_rate[:, None]
    beyond_ms = requests.total_ms - n * usual_ms[:, None]
    scale = float(requests.weight.sum() / max(n.sum(), 1.0))
    found: list[tuple[float, Symptoms]] = []
    load = _load(requests, scene)
    both = [
        ("latency", slow, scan(slow, n, scene.noise(slow, n), scene.search), MIN_LATENCY),
        ("errors", failing, scan_failures(failing, n, usual_rate, scene.search), MIN_ERROR_RATE),
    ]
    for kind, excess, seen, least in both:
        for i in np.argsort(-seen.z)[:3]:
            interval = Interval(int(seen.start[i]), int(seen.stop[i]))
            shift = float(interval_shift(excess[[i]], n[[i]], interval)[0][0])
            if seen.z[i] < MIN_Z or shift < least:
                continue
            span = slice(interval.start, interval.stop)
            cost = max(0.0, float(beyond_ms[:, span].sum())) * scale / 1e3
            errors = max(0.0, float(failing[:, span].sum())) * scale
            spent = float(requests.total_ms[:, span].sum()) * scale / 1e3
            text = _text(kind, requests, int(i), interval, scene)
            one = Symptoms(Symptom(kind, text), True, load, interval, cost, errors, spent)
            found.append((float(seen.z[i]), one))
    if found:
        return max(found, key=lambda one: one[0])[1]
    span = slice(whole.start, whole.stop)
    cost = max(0.0, float(beyond_ms[:, span].sum())) * scale / 1e3
    errors = max(0.0, float(failing[:, span].sum())) * scale
    spent = float(requests.total_ms[:, span].sum()) * scale / 1e3
    if load >= MIN_TRAFFIC:
        text = f"{load:.2f} times the usual number of requests arrive"
        return Symptoms(Symptom("traffic", text), False, load, whole, cost, errors, spent)
    return Symptoms(none.symptom, False, load, whole, cost, errors, spent)


def _load(requests: Requests, scene: Scene) -> float:
    """Traffic of the window's most unusual stretch of three buckets as a multiple of the baseline's median.

    1 where the difference is within what Poisson arrivals do, or there is too little to tell.
    """
    total = requests.n.sum(axis=0)
    base = total[scene.base]
    # The first and last bucket of a window may be cut.
    inside = total[scene.search.start : scene.search.stop][1:-1]
    usual = float(np.median(base)) if len(base) else 0.0
    if usual <= 0 or len(inside) < MIN_BUCKETS:
        return 1.0
    seen = np.convolve(inside, np.ones(MIN_BUCKETS), mode="valid")
    z = anscombe_z(seen, np.full(len(seen), MIN_BUCKETS * usual))
    most = int(np.argmax(np.abs(z)))
    return float(seen[most] / (MIN_BUCKETS * usual)) if abs(z[most]) >= MIN_Z else 1.0


def load_during(requests: Requests, scene: Scene, interval: Interval) -> float:
    """Traffic of an interval as a multiple of the baseline's median; 1 where Poisson arrivals explain it."""
    total = requests.n.sum(axis=0)
    base = total[scene.base]
    seen = total[interval.start : interval.stop]
    expected = float(np.median(base)) * len(seen) if len(base) else 0.0
    if expected <= 0:
        return 1.0
    z = float(anscombe_z(seen.sum(keepdims=True), np.array([expected]))[0])
    return float(seen.sum()) / expected if abs(z) >= MIN_Z else 1.0


def _text(kind: str, requests: Requests, row: int, interval: Interval, scene: Scene) -> str:
    span = slice(interval.start, interval.stop)
    name = f"{requests.service[row]} {requests.operation[row]}"
    if kind == "errors":
        now = requests.errors[row, span].sum() / max(requests.n[row, span].sum(), 1.0)
        past = requests.errors[row][scene.base].sum() / max(requests.n[row][scene.base].sum(), 1.0)
        return f"{now:.2%} of {name} fail, against {past:.2%} before"
    now_ms = _median_ms(requests.quantiles_ms[row, span])
    past_ms = _median_ms(requests.quantiles_ms[row][scene.base])
    now = f"{name} takes {now_ms[0]:.1f} ms in the median and {now_ms[2]:.1f} ms at the 99th percentile"
    if np.isnan(past_ms[0]):
        return f"{now}, without requests just before to compare with"
    return f"{now}, against {past_ms[0]:.1f} and {past_ms[2]:.1f} ms before"


def _median_ms(quantiles_ms: Floats) -> Floats:
    """Median over the buckets that have requests, of each quantile; NaN if none has."""
    seen = quantiles_ms[~np.isnan(quantiles_ms[:, 0])]
    return np.median(seen, axis=0) if len(seen) else np.full(quantiles_ms.shape[1], np.nan)

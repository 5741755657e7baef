"""Answers from services' own gauges where there are no traces: latency, availability, requests.

Owns the timeline, the baseline and the words of such answers. What deviates and in which order is
`candidates.service_levels`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from rootspan_analysis.candidates.service_levels import (
    AVAILABILITY,
    LATENCY,
    METRICS,
    REQUESTS,
    Deviation,
    Levels,
    deviations,
    in_order,
)
from rootspan_analysis.confidence import confidence
from rootspan_analysis.evidence import render
from rootspan_analysis.explanation import Cause, Evidence, Explanation, Impact, Symptom
from rootspan_analysis.question import NS_PER_S, Question, Window
from rootspan_analysis.reader import Floats, Reader, Value, fetch, strings

__all__ = ["explain_by_gauges"]

LOOK_BACK_S: Final = 24 * 3600
BUCKET_S: Final = 60
MIN_PAST: Final = 2
"""Times at which something was reported before the window; with fewer there is no past to compare with."""


def explain_by_gauges(client: Reader, question: Question) -> Explanation | None:
    """Answer from gauges; None where no service reports any, or none before the window.

    Raises:
        StoreError: The store did not answer.
    """
    numbers, levels = _fetch(client, question)
    now, past = numbers >= 0, numbers < 0
    if not levels or past.sum() < MIN_PAST or not now.any():
        return None
    found = in_order(deviations(levels, past, now))
    weights = [one.score for one in found]
    start_ns = question.from_ns + int(numbers[past][0]) * BUCKET_S * NS_PER_S
    causes = tuple(
        Cause(
            rank=i + 1,
            kind="service",
            entity={"service.name": one.service},
            fault="slow" if one.metric == LATENCY else "error",
            score=confidence(i, weights, p_value=one.p_value, z=one.z, agreeing=len(one.also)),
            p_value=one.p_value,
            onset_unix_ns=question.from_ns,
            impact=Impact(
                requests=round(one.requests),
                excess_s=one.excess_s,
                errors=round(one.errors),
                share=one.score / sum(weights),
            ),
            evidence=tuple(_evidence(each, start_ns, question) for each in (one, *one.also)),
        )
        for i, one in enumerate(found[: question.top])
    )
    return Explanation(
        window=question.window,
        baseline=Window(start_ns, question.from_ns),
        verdict="cause_found" if causes else "no_fault",
        symptom=_symptom(found),
        causes=causes,
    )


def _fetch(client: Reader, question: Question) -> tuple[np.ndarray, list[Levels]]:
    """Numbers of the buckets in which anything was reported (the window begins with 0), and all series."""
    table = fetch(
        client,
        "service_levels",
        {
            "from_ns": question.from_ns - LOOK_BACK_S * NS_PER_S,
            "to_ns": question.to_ns,
            "origin_ns": question.from_ns,
            "bucket_ns": BUCKET_S * NS_PER_S,
            "metrics": list(METRICS),
            "service": question.service or "",
        },
    )
    if not table.num_rows:
        return np.empty(0, dtype=np.int64), []
    buckets = table.column("buckets").combine_chunks()
    place = buckets.flatten().to_numpy()
    value = table.column("value").combine_chunks().flatten().to_numpy()
    edges = buckets.offsets.to_numpy() - buckets.offsets[0].as_py()
    used = np.unique(place)
    series: dict[str, dict[str, Floats]] = {}
    for i, (service, metric) in enumerate(
        zip(strings(table, "service"), strings(table, "metric"), strict=True)
    ):
        row = np.full(len(used), np.nan)
        part = slice(edges[i], edges[i + 1])
        row[np.searchsorted(used, place[part])] = value[part]
        series.setdefault(service, {})[metric] = row
    nothing = np.full(len(used), np.nan)
    return used, [
        Levels(
            service,
            found.get(LATENCY, nothing),
            found.get(AVAILABILITY, nothing),
            found.get(REQUESTS, nothing),
        )
        for service, found in series.items()
    ]


def _symptom(found: Sequence[Deviation]) -> Symptom:
    if not found:
        return Symptom("none", "services report what they reported before")
    worst = found[0]
    return Symptom("latency" if worst.metric == LATENCY else "errors", _words(worst))


def _words(one: Deviation) -> str:
    if one.metric == LATENCY:
        now, usual = one.now * 1e3, one.usual * 1e3
        return f"{one.service} reports a latency of {now:.1f} ms, against {usual:.1f} ms before"
    return f"{one.service} reports {one.now:.2f} % availability, against {one.usual:.2f} % before"


def _evidence(one: Deviation, start_ns: int, question: Question) -> Evidence:
    values: dict[str, Value] = {
        "metric": one.metric,
        "service": one.service,
        "from_ns": start_ns,
        "to_ns": question.to_ns,
    }
    return Evidence("metric", _words(one), render("evidence_service_level", values))

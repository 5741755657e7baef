"""Answers a question about requests: fetches cells, gathers findings of every kind, ranks them and says so.

Owns the order of the work, the baseline and the verdict. Statistics, rules and wording are elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from rootspan_analysis.candidates import code_paths, events, gauges
from rootspan_analysis.candidates.components import MIN_ROOT_SHARE, find_errors, find_slow, find_waits
from rootspan_analysis.candidates.edges import find_gaps, find_unanswered, placed
from rootspan_analysis.candidates.presence import find_lost
from rootspan_analysis.candidates.processors import fetch_processors, find_busy
from rootspan_analysis.cells import Cells, fetch_cells, fetch_edges, fetch_table
from rootspan_analysis.contrast import MIN_BUCKETS, Interval
from rootspan_analysis.evidence import evidence_of
from rootspan_analysis.explain_away import Ranked, call_graph, rank, share_of
from rootspan_analysis.explanation import Cause, Explanation, Impact, Symptom, Verdict
from rootspan_analysis.finding import Finding
from rootspan_analysis.machine_events import explain_by_events
from rootspan_analysis.question import Question, Window
from rootspan_analysis.reader import Reader, fetch, numbers, strings
from rootspan_analysis.scene import Place, Scene
from rootspan_analysis.service_gauges import explain_by_gauges
from rootspan_analysis.symptom import (
    MIN_TRAFFIC,
    Requests,
    Symptoms,
    fetch_requests,
    find_symptoms,
    median_request_ms,
)
from rootspan_analysis.window import Timeline, lay_out

__all__ = ["Progress", "explain_requests"]

Progress = Callable[[str, float], None]
"""Told what is being done, and how much is done, 0-1."""
MIN_HISTORY_S: Final = 300
"""Time with data before the window that makes a baseline; with less, the quiet part of the window is one."""
MIN_SPANS: Final = 100
LATE_S: Final = 120
"""The fault may have begun this long before the window: people ask late."""
SHAPE_SPANS: Final = 500_000
"""Spans from which the shape of calls is read: shares need no more."""
_TIMED: Final = frozenset({"slow", "wait", "gap"})
STRONG_Z: Final = 10.0
"""What a part needs in order to be named while no user notices anything, unless it is three times as slow."""
STRONG_SHIFT: Final = float(np.log(3))
MIN_MORE: Final = 0.8
"""Of the rise of all requests, that must reach a service for its queue to be the load's."""
UNNOTICED_CALLS: Final = 20.0
UNNOTICED_S: Final = 60
"""And so many calls, for so long: a few slow calls that belong to one or two requests are one event, which a
pause of the program or a process that starts beside it explains, and which is over before anyone looks."""


def explain_requests(
    client: Reader, question: Question, *, on_progress: Progress | None = None
) -> Explanation:
    """Say why requests were slow or broken in the question's window, or that nothing is wrong with them.

    Args:
        client: A reader of the store; it is only queried.
        on_progress: Called between steps.

    Raises:
        StoreError: The store did not answer.
    """
    tell = on_progress or (lambda _text, _share: None)
    tell("looking for history", 0.0)
    timeline = lay_out(client, question)
    if timeline.spans < MIN_SPANS or timeline.size < 2 * MIN_BUCKETS:
        told = explain_by_gauges(client, question) or explain_by_events(client, question)
        if told is not None:
            return told
        text = f"{timeline.spans} spans in the window and before it are too few to compare"
        nothing = Window(question.from_ns, question.from_ns)
        symptom = Symptom("none", text)
        return Explanation(question.window, nothing, "not_enough_data", symptom, ())
    parameters = timeline.parameters(question)
    tell("reading requests", 0.1)
    requests = fetch_requests(client, timeline, parameters)
    tell("reading components", 0.2)
    cells = fetch_cells(client, timeline, parameters)
    tell("reading edges", 0.6)
    edges = fetch_edges(client, timeline, parameters)
    tell("reading logs and gauges", 0.7)
    records = fetch_table(
        client,
        "logs",
        timeline,
        {**parameters, "least": code_paths.LOG_LEAST},
        keys=code_paths.LOG_KEYS,
        values=("spans", "written"),
    )
    shapes = fetch_table(
        client,
        "shapes",
        timeline,
        {**parameters, "shape_modulus": max(1, -(-timeline.spans // SHAPE_SPANS))},
        keys=code_paths.SHAPE_KEYS,
        values=("spans",),
    )
    levels = fetch_table(
        client,
        "gauges",
        timeline,
        {**parameters, "metrics": list(gauges.METRICS)},
        keys=gauges.KEYS,
        values=("n", "total"),
    )
    happened = fetch_table(client, "events", timeline, parameters, keys=events.KEYS, values=events.VALUES)
    processors = fetch_processors(client, question)
    alive = _signs_of_life(client, timeline)
    places, first_seen = _inventory(client, timeline)
    edges = placed(edges, places)
    tell("comparing", 0.8)
    scene = _first_scene(timeline, requests, places, first_seen)
    findings = _gather(cells, edges, alive, scene)
    if not _has_history(timeline) and findings:
        scene = _second_scene(scene, findings, requests)
        findings = _gather(cells, edges, alive, scene)
    if scene.has_history:
        # What was over when the window began is no answer to it.
        least = timeline.first + MIN_BUCKETS
        findings = [one for one in findings if one.interval.stop >= min(least, timeline.size)]
    symptoms = find_symptoms(requests, scene)
    if scene.base.sum() * timeline.bucket_s < MIN_HISTORY_S:
        # What a short past did is no law yet: only what is plain in the parts and to users is named.
        findings = [
            one for one in findings if symptoms.visible and (one.z >= STRONG_Z or one.signal == "lost")
        ]
    elif not symptoms.visible:
        findings = [one for one in findings if _stands_out(one, timeline)]
    if scene.has_history or any(one.z >= STRONG_Z for one in findings):
        findings += code_paths.find_path_changes(records, shapes, cells, scene)
        findings += find_busy(processors, cells, scene)
    findings = events.beside(findings, events.find_events(happened, scene))
    findings = [replace(one, fault="load") if _is_load(one, symptoms) else one for one in findings]
    findings = [one.supported_by(*gauges.corroborate(one, levels, scene)) for one in findings]
    ranked = rank(
        findings,
        call_graph(zip(edges.keys["caller"], edges.keys["callee"], strict=True)),
        root_excess_s=max(symptoms.excess_s, MIN_ROOT_SHARE * symptoms.spent_s),
        root_errors=symptoms.errors,
        visible=symptoms.visible,
        top=question.top + sum(one.fault == "load" for one in findings),
    )
    loads = [one for one, _ in ranked if one.fault == "load"]
    ranked = [(one, score) for one, score in ranked if one.fault != "load"][: question.top]
    tell("collecting evidence", 0.95)
    return _answer(question, scene, symptoms, ranked, loads)


def _is_load(one: Finding, symptoms: Symptoms) -> bool:
    """Whether a queue is longer because more requests arrive, at all of the service alike.

    It explains what follows from it, but it is nobody's fault.
    """
    return (
        one.signal == "wait"
        and symptoms.load >= MIN_TRAFFIC
        and one.fault != "hot_instance"
        and one.detail["arrivals_of_all"] >= MIN_MORE * symptoms.load
    )


def _stands_out(one: Finding, timeline: Timeline) -> bool:
    """Whether something is worth a word although no user notices anything."""
    if one.z < STRONG_Z and one.shift < STRONG_SHIFT and not one.detail.get("new"):
        return False
    if one.signal not in _TIMED:
        return True
    lasts_s = (one.interval.stop - one.interval.start) * timeline.bucket_s
    asked_s = (timeline.size - timeline.first) * timeline.bucket_s
    supported = one.detail.get("calls", UNNOTICED_CALLS) >= UNNOTICED_CALLS
    # A few calls count where all of them, to the end, go on like that.
    return lasts_s >= min(UNNOTICED_S, asked_s) and (supported or one.interval.stop >= timeline.size)


def _has_history(timeline: Timeline) -> bool:
    return timeline.first * timeline.bucket_s >= MIN_HISTORY_S and timeline.first >= 2 * MIN_BUCKETS


def _first_scene(
    timeline: Timeline,
    requests: Requests,
    places: Mapping[str, Place],
    first_seen: Mapping[tuple[str, str], int],
) -> Scene:
    """History is the baseline; without it the first half is, until an onset is known."""
    base = np.zeros(timeline.size, dtype=np.bool_)
    # Of a short history, what is nearest is not given away for a fault that may have begun early.
    late_s = min(LATE_S, timeline.first * timeline.bucket_s // 10)
    late = int((timeline.numbers[: timeline.first] * timeline.bucket_s >= -late_s).sum())
    if _has_history(timeline):
        start = max(MIN_BUCKETS, timeline.first - late)
        base[:start] = True
    else:
        start = MIN_BUCKETS
        # What was not there in the first half (a new version) is held against its peers.
        base[: timeline.size // 2] = True
    return Scene(
        timeline=timeline,
        base=base,
        search=Interval(start, timeline.size),
        incident=Interval(timeline.first, timeline.size),
        settled=_has_history(timeline),
        has_history=_has_history(timeline),
        root_ms=median_request_ms(requests, base),
        places=places,
        first_seen_ns=first_seen,
    )


def _second_scene(scene: Scene, findings: list[Finding], requests: Requests) -> Scene:
    """What lies well before the earliest onset is the baseline: an onset is told to a bucket or two."""
    timeline = scene.timeline
    onset = min(one.interval.start for one in findings)
    guard = -(-LATE_S // timeline.bucket_s)
    base = np.zeros_like(scene.base)
    base[: max(MIN_BUCKETS, onset - guard)] = True
    return replace(
        scene,
        base=base,
        search=Interval(max(MIN_BUCKETS, onset - guard), timeline.size),
        incident=Interval(onset, timeline.size),
        settled=True,
        root_ms=median_request_ms(requests, base),
    )


def _gather(cells: Cells, edges: Cells, alive: dict[str, int], scene: Scene) -> list[Finding]:
    findings: list[Finding] = []
    if len(cells):
        findings += find_lost(cells, edges, alive, scene)
        findings += find_slow(cells, scene)
        findings += find_errors(cells, scene)
        findings += find_waits(cells, scene)
    if len(edges):
        findings += find_gaps(edges, scene)
        findings += find_unanswered(edges, scene)
    return findings


def _signs_of_life(client: Reader, timeline: Timeline) -> dict[str, int]:
    table = fetch(client, "signs_of_life", {"from_ns": timeline.start_ns, "to_ns": timeline.end_ns})
    return dict(
        zip(strings(table, "host").tolist(), numbers(table, "last_s").astype(int).tolist(), strict=True)
    )


def _inventory(client: Reader, timeline: Timeline) -> tuple[dict[str, Place], dict[tuple[str, str], int]]:
    table = fetch(client, "instances", {"from_ns": timeline.start_ns, "to_ns": timeline.end_ns})
    places: dict[str, Place] = {}
    first: dict[tuple[str, str], int] = {}
    columns = [
        strings(table, name) for name in ("service", "version", "host", "region", "zone", "rack", "switch")
    ]
    for seen, row in zip(
        numbers(table, "first_ns").astype(np.int64).tolist(), zip(*columns, strict=True), strict=True
    ):
        service, version, host, *place = row
        places[host] = Place(*place)
        key = (service, version)
        first[key] = min(first.get(key, seen), seen)
    return places, first


def _fault_of(one: Finding) -> str:
    """Name of what is wrong: a host is slow by what broke on it, or by its GPU where its gauges say so."""
    broken = [each.fault for each in one.support if each.signal == "event" and each.detail["hard"]]
    if broken:
        return broken[0]
    if one.signal == "slow" and one.kind == "host":
        return "slow_gpu" if any(each.signal == "gauge" for each in one.support) else "slow_host"
    return "bad_version" if one.kind == "version" else one.fault


def _answer(
    question: Question,
    scene: Scene,
    symptoms: Symptoms,
    ranked: list[Ranked],
    loads: list[Finding],
) -> Explanation:
    timeline = scene.timeline
    total_s = max(symptoms.excess_s, sum(one.excess_s for one, _ in ranked), 1e-9)
    total_errors = max(symptoms.errors, sum(one.errors for one, _ in ranked), 1e-9)
    causes = tuple(
        Cause(
            rank=i,
            kind=one.kind,
            entity=one.entity,
            fault=_fault_of(one),
            score=score,
            p_value=one.p_value,
            onset_unix_ns=timeline.at_ns(one.interval.start),
            impact=Impact(
                requests=round(one.requests),
                excess_s=one.excess_s,
                errors=round(one.errors),
                share=share_of(one, total_s, total_errors),
            ),
            evidence=evidence_of(one, scene),
        )
        for i, (one, score) in enumerate(ranked, start=1)
    )
    used = np.flatnonzero(scene.base)
    baseline = Window(timeline.at_ns(int(used[0])), timeline.at_ns(int(used[-1]) + 1))
    symptom = symptoms.symptom
    verdict: Verdict = "cause_found" if causes else "no_fault"
    if not causes and (symptoms.load >= MIN_TRAFFIC or loads):
        verdict = "load"
        for one in loads[:1]:
            symptom = Symptom(symptom.kind, f"{symptom.text}: {evidence_of(one, scene)[0].text}")
    if causes and not symptoms.visible:
        symptom = Symptom(
            "component", f"{symptom.text} on the whole, but a part is not: {causes[0].evidence[0].text}"
        )
    return Explanation(question.window, baseline, verdict, symptom, causes)

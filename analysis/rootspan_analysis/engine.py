"""Answers a question about requests: reads cells, gathers findings of every kind, ranks them and says so.

Owns the order of the work. Statistics, rules, the baseline and the verdict are elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from rootspan_analysis.baseline import MIN_HISTORY_S, first_scene, has_history, second_scene
from rootspan_analysis.call_graph import call_graph
from rootspan_analysis.candidates import code_paths, events, gauges
from rootspan_analysis.candidates.batches import find_interference
from rootspan_analysis.candidates.components import MIN_ROOT_SHARE, find_errors, find_slow
from rootspan_analysis.candidates.edges import find_gaps, find_unanswered
from rootspan_analysis.candidates.hosts import find_unlike_peers
from rootspan_analysis.candidates.presence import find_lost
from rootspan_analysis.candidates.processors import find_busy
from rootspan_analysis.candidates.waits import find_waits
from rootspan_analysis.cells import fetch_table
from rootspan_analysis.composition import Ranking, compose
from rootspan_analysis.contrast import MIN_BUCKETS
from rootspan_analysis.exoneration import exonerate
from rootspan_analysis.explanation import Explanation, Symptom
from rootspan_analysis.finding import Finding
from rootspan_analysis.machine_events import explain_by_events
from rootspan_analysis.prominence import STRONG_Z, prominent
from rootspan_analysis.question import Question, Window
from rootspan_analysis.ranking import rank
from rootspan_analysis.reader import Reader, Value
from rootspan_analysis.reading import Reading, read
from rootspan_analysis.scene import Scene
from rootspan_analysis.service_gauges import explain_by_gauges
from rootspan_analysis.symptom import (
    MIN_TRAFFIC,
    Requests,
    Symptoms,
    find_symptoms,
    load_during,
)
from rootspan_analysis.window import lay_out

__all__ = ["Progress", "explain_requests"]

Progress = Callable[[str, float], None]
"""Told what is being done, and how much is done, 0-1."""
MIN_SPANS: Final = 100
MIN_MORE: Final = 0.8
"""Of the rise of all requests, that must reach a service for its queue to be the load's."""


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
    found = read(client, question, timeline, on_progress=tell)
    tell("comparing", 0.8)
    scene = first_scene(timeline, found.requests, found.places, found.first_seen_ns)
    findings = _gather(found, scene)
    if not has_history(timeline) and findings:
        scene = second_scene(scene, findings, found.requests)
        findings = _gather(found, scene)
    if scene.has_history:
        # What was over when the window began is no answer to it.
        least = timeline.first + MIN_BUCKETS
        findings = [one for one in findings if one.interval.stop >= min(least, timeline.size)]
    symptoms = find_symptoms(found.requests, scene)
    if scene.base.sum() * timeline.bucket_s < MIN_HISTORY_S:
        # What a short past did is no law yet: only what is plain in the parts and to users is named.
        findings = [
            one for one in findings if symptoms.visible and (one.z >= STRONG_Z or one.signal == "lost")
        ]
    elif not symptoms.visible:
        findings = prominent(findings, timeline, question.noticed)
    if scene.has_history or any(one.z >= STRONG_Z for one in findings):
        findings += code_paths.find_path_changes(found.records, found.shapes, found.cells, scene)
        findings += find_busy(found.processors, found.cells, scene)
    findings = events.beside(findings, events.find_events(found.happened, scene))
    findings = [_load_if_it_is(one, symptoms, found.requests, scene) for one in findings]
    findings = _corroborated(client, findings, timeline.parameters(question), scene)
    ranked, explained = rank(
        findings,
        call_graph(zip(found.edges.keys["caller"], found.edges.keys["callee"], strict=True)),
        root_excess_s=max(symptoms.excess_s, MIN_ROOT_SHARE * symptoms.spent_s),
        root_errors=symptoms.errors,
        visible=symptoms.visible,
        top=question.top + sum(one.fault == "load" for one in findings),
    )
    loads = [one for one, _ in ranked if one.fault == "load"]
    ranked = [(one, score) for one, score in ranked if one.fault != "load"][: question.top]
    tell("collecting evidence", 0.95)
    answer = compose(client, question, scene, symptoms, Ranking(ranked, loads))
    return replace(answer, exonerated=exonerate(ranked, explained, found.cells, scene))


def _corroborated(
    client: Reader, findings: list[Finding], parameters: Mapping[str, Value], scene: Scene
) -> list[Finding]:
    """Findings of a single host with what its gauges say."""
    hosts = sorted({host for one in findings if len(one.hosts) == 1 for host in one.hosts})
    if not hosts:
        return findings
    values = {**parameters, "metrics": list(gauges.METRICS), "hosts": hosts}
    names = ("n", "total")
    levels = fetch_table(client, "gauges", scene.timeline, values, keys=gauges.KEYS, values=names)
    return [gauges.corroborate(one, levels, scene) for one in findings]


def _load_if_it_is(one: Finding, symptoms: Symptoms, requests: Requests, scene: Scene) -> Finding:
    """A queue that is longer because more requests arrive, at all of the service alike, is the load's.

    It explains what follows from it, but it is nobody's fault.
    """
    if one.signal != "wait" or one.fault == "hot_instance":
        return one
    # A rise that has just begun fills the queue's own time only.
    load = max(symptoms.load, load_during(requests, scene, one.interval))
    is_load = load >= MIN_TRAFFIC and one.detail["arrivals_of_all"] >= MIN_MORE * load
    return replace(one, fault="load") if is_load else one


def _gather(found: Reading, scene: Scene) -> list[Finding]:
    cells, by_host, edges = found.cells, found.by_host, found.edges
    findings: list[Finding] = []
    if by_host is not None and len(by_host):
        findings += find_unlike_peers(by_host, scene)
    if len(cells):
        findings += find_lost(cells if by_host is None else by_host, edges, found.alive_s, scene)
        told = {(one.signal, tuple(sorted(one.entity.items()))) for one in findings}
        for one in (*find_slow(cells, scene), *find_errors(cells, scene)):
            # What all spans of a host tell is not to be counted again from a sample of them.
            if (one.signal, tuple(sorted(one.entity.items()))) not in told:
                findings.append(one)
        findings += find_waits(cells, scene)
    if len(found.batches):
        findings += find_interference(found.batches, scene)
    if len(edges):
        findings += find_gaps(edges, scene)
        findings += find_unanswered(edges, scene)
    return findings

"""Traces of PyTorch's profiler (Kineto's JSON, also gzipped) as steps and phases.

Owns what of a trace is a step, a phase or a collective: the profiler's own marks, the data loader's and the
optimizer's, the extent of the autograd engine's work, copies to the device, and annotations of the program.
Single operators and kernels are left where they are: a profiler shows those better.
"""

from __future__ import annotations

import gzip
import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rootspan import semconv
from rootspan.spans.scope import AttributeValue
from rootspan.training.importers.records import ImportedSpan, ImportFailedError, Recording, derived_id
from rootspan.training.step_ids import step_trace_id

MAX_TRACE_BYTES = 4 << 30
_STEP = re.compile(r"ProfilerStep#(\d+)")
_PHASES = (
    ("data", re.compile(r"enumerate\(DataLoader\)#")),
    ("optimizer", re.compile(r"Optimizer\.step")),
    ("forward", re.compile(r"(DistributedDataParallel|FullyShardedDataParallel)\.forward$")),
    ("h2d", re.compile(r"Memcpy HtoD")),
)
_BACKWARD = re.compile(r"autograd::engine::evaluate_function|Backward\d*$")
_COLLECTIVE = re.compile(r"record_param_comms|^nccl:|^gloo:|^c10d::")


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    category: str
    start_ns: int
    end_ns: int
    arguments: Mapping[str, Any]


def read_kineto(
    path: str | Path,
    *,
    job: str,
    attempt: int = 0,
    rank: int | None = None,
    service: str = "kineto",
) -> Recording:
    """Read a trace of one rank.

    Args:
        path: `*.pt.trace.json`, or the same gzipped.
        job: The job it belongs to; its steps get the trace ids that the job's live steps have.
        attempt: Its attempt.
        rank: Its rank; None takes what the trace says (`distributedInfo`), else 0.
        service: `service.name` of what is sent.

    Returns:
        `train.step` for each step of the profiler, with `train.<phase>`, `train.collective` and the program's
        own annotations below it. What lies outside of all steps is left out. May be empty.

    Raises:
        ImportFailedError: It is no trace.
    """
    trace = _load(Path(path))
    events = list(_events(trace))
    if rank is None:
        rank = int((trace.get("distributedInfo") or {}).get("rank", 0))
    resource: dict[str, AttributeValue] = {
        semconv.SERVICE_NAME: service,
        semconv.TRAINING_JOB_ID: job,
        semconv.TRAINING_ATTEMPT: attempt,
        semconv.TRAINING_RANK: rank,
    }
    if isinstance(trace.get("host_name"), str):
        resource[semconv.HOST_NAME] = trace["host_name"]
    steps = sorted(
        ((int(found[1]), event) for event in events if (found := _STEP.fullmatch(event.name))),
        key=lambda step: step[1].start_ns,
    )
    starts = [event.start_ns for _, event in steps]
    within: dict[int, list[_Event]] = defaultdict(list)
    for event in events:
        position = bisect_right(starts, event.start_ns) - 1
        if position >= 0 and event is not steps[position][1] and event.start_ns < steps[position][1].end_ns:
            within[position].append(event)
    spans: list[ImportedSpan] = []
    for position, (number, event) in enumerate(steps):
        spans += _step_spans((job, attempt, rank), number, event, within[position], resource)
    return Recording(tuple(spans))


def _step_spans(
    of: tuple[str, int, int],
    number: int,
    step: _Event,
    events: Iterable[_Event],
    resource: Mapping[str, AttributeValue],
) -> list[ImportedSpan]:
    trace_id = step_trace_id(of[0], of[1], number)
    root_id = derived_id(8, "kineto", *of, number)
    spans: list[ImportedSpan] = []
    seconds: dict[str, float] = defaultdict(float)
    backward: list[_Event] = []

    def add(name: str, event: _Event, told: Mapping[str, AttributeValue]) -> None:
        span_id = derived_id(8, "kineto", *of, number, len(spans))
        told = {semconv.TRAINING_STEP: number, **told}
        spans.append(
            ImportedSpan(name, trace_id, span_id, root_id, event.start_ns, event.end_ns, resource, told)
        )

    for event in events:
        phase = next((phase for phase, pattern in _PHASES if pattern.match(event.name)), None)
        if phase is not None:
            seconds[phase] += (event.end_ns - event.start_ns) / 1e9
            add(f"train.{phase}", event, {semconv.TRAINING_PHASE: phase})
        elif _COLLECTIVE.match(event.name):
            add(semconv.SPAN_TRAIN_COLLECTIVE, event, _collective(event))
        elif _BACKWARD.search(event.name) and event.category.lower() in ("operator", "cpu_op"):
            backward.append(event)
        elif event.category.lower() == "user_annotation" and not event.name.startswith("Optimizer."):
            add(event.name, event, {})
    if backward:
        whole = _Event(
            "backward",
            "",
            min(event.start_ns for event in backward),
            max(event.end_ns for event in backward),
            {},
        )
        seconds["backward"] = (whole.end_ns - whole.start_ns) / 1e9
        add("train.backward", whole, {semconv.TRAINING_PHASE: "backward"})
    summary: dict[str, AttributeValue] = {semconv.TRAINING_STEP: number}
    for phase, value in seconds.items():
        summary[semconv.TRAINING_PHASE_SECONDS.format(phase)] = value
    root = ImportedSpan(
        semconv.SPAN_TRAIN_STEP, trace_id, root_id, None, step.start_ns, step.end_ns, resource, summary
    )
    return [root, *sorted(spans, key=lambda span: span.start_ns)]


def _collective(event: _Event) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {
        semconv.TRAINING_PHASE: "collective",
        semconv.TRAINING_COLLECTIVE_OP: str(event.arguments.get("Collective name", event.name)),
    }
    group = event.arguments.get("Process Group Name")
    if isinstance(group, str):
        found[semconv.TRAINING_COLLECTIVE_GROUP] = group
    return found


def _load(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                data = unpacked.read(MAX_TRACE_BYTES + 1)
    except (OSError, EOFError) as err:
        raise ImportFailedError(f"{path} cannot be read: {err}") from err
    if len(data) > MAX_TRACE_BYTES:
        raise ImportFailedError(f"{path} holds more than {MAX_TRACE_BYTES} bytes; record fewer steps")
    try:
        trace = json.loads(data)
    except ValueError as err:
        raise ImportFailedError(f"{path} is no JSON: {err}") from err
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list):
        raise ImportFailedError(f"{path} holds no traceEvents: is it a trace of PyTorch's profiler?")
    return trace


def _events(trace: Mapping[str, Any]) -> Iterable[_Event]:
    base_ns = int(trace.get("baseTimeNanoseconds", 0))
    for event in trace["traceEvents"]:
        if not isinstance(event, dict) or event.get("ph") != "X" or "ts" not in event:
            continue
        start_ns = base_ns + round(float(event["ts"]) * 1000)
        yield _Event(
            str(event.get("name", "")),
            str(event.get("cat", "")),
            start_ns,
            start_ns + round(float(event.get("dur", 0)) * 1000),
            event.get("args") or {},
        )

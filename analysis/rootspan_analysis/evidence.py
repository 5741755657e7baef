"""Turns a finding into sentences with numbers, and SQL that shows them.

Owns the wording. SQL comes from `sql/evidence_*.sql`; values are written into it as literals, quoted.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from rootspan_analysis.candidates.batches import LARGE
from rootspan_analysis.clocks import Clock
from rootspan_analysis.contrast import Interval
from rootspan_analysis.explanation import Evidence, Signal
from rootspan_analysis.finding import Finding, SignalName
from rootspan_analysis.gauge_words import call_gauge, say_gauge
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.reader import Value, complete
from rootspan_analysis.scene import Scene

__all__ = ["clock_evidence", "evidence_of", "inline", "render", "sentence_of"]

_PARAMETER: Final = re.compile(r"\{(\w+):[^}]+\}")
_TEXT_CHARS: Final = 140
SHOWN_MS: Final = 0.01
"""Shorter times are 0.00 in a sentence, and a ratio to them means nothing to a reader."""
_MARGIN_S: Final = 600
"""Evidence shows this much of the time before the onset."""


def render(name: str, values: Mapping[str, Value]) -> str:
    """Text of `sql/NAME.sql` with its parameters as literals, so that it runs as it is."""
    return inline(complete(name), values)


def inline(text: str, values: Mapping[str, Value]) -> str:
    """A statement without comments, its `{name:Type}` parameters as quoted literals."""

    def literal(value: Value) -> str:
        if isinstance(value, str):
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        if isinstance(value, list):
            return "[" + ", ".join(literal(one) for one in value) + "]"
        return str(value)

    filled = _PARAMETER.sub(lambda found: literal(values[found[1]]), text)
    return "\n".join(line for line in filled.splitlines() if not line.lstrip().startswith("--")).strip()


def evidence_of(finding: Finding, scene: Scene) -> tuple[Evidence, ...]:
    """Evidence of a finding and of what supports it; the most telling first."""
    found = [_own(finding, scene)]
    seen = {(finding.signal, finding.service, finding.operation)}
    for one in sorted(finding.support, key=lambda each: -each.z):
        key = (one.signal, one.service, one.operation)
        if key not in seen:
            seen.add(key)
            found.append(_own(one, scene))
    return tuple(found[:6])


def sentence_of(finding: Finding) -> str:
    """What was seen, in a sentence with numbers."""
    return _SAY[finding.signal][2](finding)


def clock_evidence(hosts: Sequence[str], clock: Clock, interval: Interval, scene: Scene) -> Evidence:
    """That the clock of a cause's hosts is off, and by how much; its onset is told by the others' clocks."""
    side = "ahead" if clock.ahead_s > 0 else "behind"
    text = (
        f"the clock of {', '.join(hosts[:3])} is {abs(clock.ahead_s):.3f} s {side} of most others "
        f"(within {clock.error_s:.3f} s); its onset is given by theirs"
    )
    return Evidence(
        "trace", text, render("evidence_clock", {**_times(interval, scene), "hosts": list(hosts)})
    )


def _times(interval: Interval, scene: Scene) -> dict[str, Value]:
    onset = scene.timeline.at_ns(interval.start)
    return {
        "onset_ns": onset,
        "from_ns": max(scene.timeline.start_ns, onset - _MARGIN_S * NS_PER_S),
        "to_ns": scene.timeline.at_ns(interval.stop),
    }


def _own(one: Finding, scene: Scene) -> Evidence:
    values: dict[str, Value] = {
        **_times(one.interval, scene),
        "service": one.service,
        "peer": one.peer,
        "operation": one.operation,
        "hosts": sorted(one.hosts),
        "version": one.entity.get("service.version", ""),
        "region": one.entity.get("cloud.region", ""),
        "zone": one.entity.get("cloud.availability_zone", "") if one.kind in ("zone", "edge") else "",
        "model": one.entity.get("gen_ai.request.model", ""),
        "large": LARGE,
        **one.words,
    }
    signal, name, say = _SAY[one.signal]
    if one.detail.get("whole"):
        name = "evidence_duration"
    return Evidence(signal, say(one), render(name, values))


def _slow(one: Finding) -> str:
    d = one.detail
    now = d["usual_ms"] + d["excess_ms_a_call"]
    own = "in all" if d.get("whole") else "of its own time"
    return (
        f"{one.operation} on {_where(one)} takes {now:.2f} ms {own}, against {_expected(d['usual_ms'], now)}"
    )


def _expected(usual_ms: float, now_ms: float) -> str:
    """Means, and their ratio where a reader can see it in them. What is tested are geometric means, and a few
    very short calls of the past can make their ratio a thousand."""
    if usual_ms < SHOWN_MS:
        return f"less than {SHOWN_MS:g} ms expected"
    return f"{usual_ms:.2f} ms expected ({now_ms / usual_ms:.2f} times)"


def _errors(one: Finding) -> str:
    d = one.detail
    return (
        f"{d['rate']:.2%} of {one.operation} on {_where(one)} fail there first, "
        f"against {d['usual_rate']:.3%} before"
    )


def _wait(one: Finding) -> str:
    d = one.detail
    now = d["usual_ms"] + d["excess_ms_a_call"]
    waits = (
        f"{one.operation} on {_where(one)} waits {now:.1f} ms in its queue, "
        f"against {d['usual_ms']:.1f} ms before"
    )
    if one.fault == "hot_instance":
        return (
            f"{waits}: it is sent {d['arrivals']:.2f} times its usual calls, "
            f"all of {one.service} {d['arrivals_of_all']:.2f} times"
        )
    return waits


def _gap(one: Finding) -> str:
    d = one.detail
    now = d["usual_ms"] + d["excess_ms_a_call"]
    return (
        f"between {one.service} and {one.peer}{_between(one)} a call loses {now:.2f} ms outside of both, "
        f"against {d['usual_ms']:.2f} ms before"
    )


def _unanswered(one: Finding) -> str:
    d = one.detail
    return (
        f"{d['rate']:.2%} of calls from {one.service} to {one.peer}{_between(one)} fail without an error "
        f"of the callee, against {d['usual_rate']:.3%} before"
    )


def _lost(one: Finding) -> str:
    d = one.detail
    return (
        f"{d['lost']:.0f} of {d['of']:.0f} hosts of {one.service} with {d['share']:.0%} of its calls "
        f"fell silent; {d['missing']:,.0f} calls that were theirs went elsewhere or failed"
    )


def _logs(one: Finding) -> str:
    d = one.detail
    where = f"{one.service} {one.operation}".strip()
    return (
        f'{where} wrote {d["seen"]:.0f} records like "{_short(one.words["example"])}", '
        f"where {d['expected']:.1f} were expected"
    )


def _shape(one: Finding) -> str:
    d = one.detail
    return (
        f"{d['seen']:.0f} of {d['calls']:.0f} calls of {one.service} {one.operation} call "
        f"{one.words['callee']} {one.words['child']}, where {d['expected']:.1f} were expected"
    )


def _size(one: Finding) -> str:
    d = one.detail
    return (
        f"calls of {one.service} {one.operation} have {d['now']:.0f} tokens in the geometric mean, "
        f"against {d['usual']:.0f} before, and take {np.expm1(one.shift):.0%} longer by that alone"
    )


def _batch(one: Finding) -> str:
    d = one.detail
    return (
        f"{d['share']:.0%} of calls of {one.operation} on {_where(one)} share a batch with one of "
        f"{d['large']:.0f} requests {LARGE:g} times the usual size or more, against {d['usual_share']:.0%} "
        f"before; they take {d['mated_ms']:.0f} ms in their batches, others {d['others_ms']:.0f} ms"
    )


def _gauge(one: Finding) -> str:
    subject = one.words["host"] or one.service
    now, usual = one.detail["now"], one.detail["usual"]
    metric = one.words["metric"]
    return (
        f"{call_gauge(metric)} of {subject} is {say_gauge(metric, now)}, "
        f"against {say_gauge(metric, usual)} before"
    )


def _event(one: Finding) -> str:
    d, example = one.detail, _short(one.words["example"])
    seen = "once" if d["seen"] == 1 else f"{d['seen']:.0f} times"
    usual = f"{d['expected']:.1f} were" if d["expected"] >= 0.05 else "none was"
    times = f"{seen}, where {usual} expected"
    return f'{one.words["event"]} was told of {_where(one)} {times}: "{example}"'


_SAY: Final[Mapping[SignalName, tuple[Signal, str, Callable[[Finding], str]]]] = {
    "slow": ("trace", "evidence_self_time", _slow),
    "errors": ("trace", "evidence_errors", _errors),
    "wait": ("trace", "evidence_wait", _wait),
    "gap": ("edge", "evidence_gap", _gap),
    "unanswered": ("edge", "evidence_unanswered", _unanswered),
    "lost": ("trace", "evidence_lost", _lost),
    "logs": ("log", "evidence_logs", _logs),
    "shape": ("trace", "evidence_shape", _shape),
    "size": ("trace", "evidence_size", _size),
    "batch": ("trace", "evidence_batch", _batch),
    "gauge": ("metric", "evidence_gauge", _gauge),
    "event": ("log", "evidence_event", _event),
}


def _where(one: Finding) -> str:
    for name in ("host.name", "service.version", "host.rack", "network.switch", "cloud.availability_zone"):
        if one.entity.get(name):
            return f"{one.service} {one.entity[name]}"
    for name in ("cloud.region", "gen_ai.request.model"):
        if one.entity.get(name):
            return (
                f"{one.service} in {one.entity[name]}"
                if "region" in name
                else f"{one.service} for {one.entity[name]}"
            )
    return one.service


def _between(one: Finding) -> str:
    region, zone = one.entity.get("cloud.region"), one.entity.get("cloud.availability_zone")
    place = f" from {region}" if region else ""
    return place + (f" to {zone}" if zone else "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TEXT_CHARS else line[: _TEXT_CHARS - 1] + "…"

"""What the fleet's processes would have written to their logs.

Owns texts, severities and which events are logged. Lines of a sampled request carry its ids; lines about the
fleet (ejections, failover, starts, replication) do not. Says what a process can see, never what was planted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from rootspan import semconv
from rootspan_demo.encoder import Block, Stamped, request_blocks
from rootspan_demo.fleet import REGIONS, ZONES, Fleet, Instance
from rootspan_demo.flow import ANSWERED, MAX_ATTEMPTS, MIN_LIVE_SHARE, REFUSED
from rootspan_demo.ids import TraceIds
from rootspan_demo.journeys import (
    FORWARD_FAILED,
    NO_STORE,
    OK_STATUS,
    STORE_FAILED,
    UNAVAILABLE_STATUS,
    Attempts,
    Journeys,
    Trips,
)
from rootspan_demo.plan import Plan
from rootspan_demo.shapes import CLIENT, FORWARD, GATEWAY_SLOT, SERVER, STORE, attempt_slot
from rootspan_demo.spans import EXCEPTIONS
from rootspan_demo.wire import attribute, frame

__all__ = ["LogLine", "encode_logs", "fleet_lines", "request_lines"]

SEVERITIES: Final[Mapping[str, int]] = {"INFO": 9, "WARN": 13, "ERROR": 17}
ACCESS_LINES: Final = 15_000
"""Access lines are sampled further to about this many."""
SLOW_MS: Final = 150.0
REPLICATION_S: Final = 30.0
FLUSH_NS: Final = 5_000_000_000
NO_TRACE: Final = -1
_PLACES: Final = {FORWARD_FAILED: "ranker/model.py", STORE_FAILED: "feature_store/rows.py"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record before encoding. `trace` is NO_TRACE for lines outside any request."""

    at_unix_ns: int
    instance: int
    severity: str
    body: str
    trace: int = NO_TRACE
    slot: int = 0
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    event: str = ""


def request_lines(journeys: Journeys, instances: Sequence[Instance]) -> Iterator[LogLine]:
    """Lines of sampled requests, in no order."""
    yield from _access(journeys.trips)
    yield from _slow(journeys.attempts)
    yield from _unanswered(journeys.attempts, instances)
    yield from _exceptions(journeys.attempts)
    yield from _defaults(journeys.attempts)


def _access(trips: Trips) -> Iterator[LogLine]:
    """The gateways' lines: all failures, and a share of the rest."""
    every = max(1, len(trips.trace) // ACCESS_LINES)
    took_ms = (trips.gateway_end - trips.gateway_start) / 1e6
    for i in np.flatnonzero((trips.trace % every == 0) | (trips.status != OK_STATUS)).tolist():
        status = int(trips.status[i])
        body = f"POST /recommend {status} in {took_ms[i]:.1f} ms"
        if status == UNAVAILABLE_STATUS:
            body += f": no ranker answered after {MAX_ATTEMPTS} attempts"
        yield LogLine(
            at_unix_ns=int(trips.gateway_end[i]),
            instance=int(trips.gateway[i]),
            severity="INFO" if status == OK_STATUS else "ERROR",
            body=body,
            trace=int(trips.trace[i]),
            slot=GATEWAY_SLOT,
            attributes={semconv.HTTP_STATUS: status},
        )


def _slow(calls: Attempts) -> Iterator[LogLine]:
    """The rankers' warnings of slow requests."""
    wait_ms = (calls.work_start - calls.server_start) / 1e6
    took_ms = (calls.server_end - calls.server_start) / 1e6
    slot = attempt_slot(calls.attempt, SERVER)
    for i in np.flatnonzero((calls.outcome == ANSWERED) & (took_ms > SLOW_MS)).tolist():
        yield LogLine(
            at_unix_ns=int(calls.server_end[i]),
            instance=int(calls.ranker[i]),
            severity="WARN",
            body=f"slow request: {took_ms[i]:.0f} ms, {wait_ms[i]:.0f} ms of it queued",
            trace=int(calls.trace[i]),
            slot=int(slot[i]),
        )


def _unanswered(calls: Attempts, instances: Sequence[Instance]) -> Iterator[LogLine]:
    """What ranker (if it lives) and balancer say of attempts without an answer."""
    server, client = attempt_slot(calls.attempt, SERVER), attempt_slot(calls.attempt, CLIENT)
    for i in np.flatnonzero(calls.outcome != ANSWERED).tolist():
        trace, attempt = int(calls.trace[i]), int(calls.attempt[i])
        host = instances[int(calls.ranker[i])].host
        why = "DEADLINE_EXCEEDED after 1000 ms"
        if calls.outcome[i] == REFUSED:
            why = "RESOURCE_EXHAUSTED"
            at, who = int(calls.server_end[i]), int(calls.ranker[i])
            yield LogLine(at, who, "WARN", "queue full: request refused", trace, int(server[i]))
        then = "giving up" if attempt == MAX_ATTEMPTS - 1 else "retrying on another instance"
        yield LogLine(
            at_unix_ns=int(calls.client_end[i]),
            instance=int(calls.balancer[i]),
            severity="WARN",
            body=f"Ranker/Rank on {host} failed: {why}; attempt {attempt + 1} of {MAX_ATTEMPTS}, {then}",
            trace=trace,
            slot=int(client[i]),
            attributes={semconv.SERVER_ADDRESS: host, semconv.RETRY_ATTEMPT: attempt},
        )


def _exceptions(calls: Attempts) -> Iterator[LogLine]:
    """Errors where they began."""
    for failed, who, end, part in (
        (FORWARD_FAILED, calls.ranker, calls.forward_end, FORWARD),
        (STORE_FAILED, calls.store, calls.store_end, STORE),
    ):
        kind, message = EXCEPTIONS[failed]
        trail = f'Traceback (most recent call last):\n  File "{_PLACES[failed]}", line 214, in handle\n'
        slot = attempt_slot(calls.attempt, part)
        for i in np.flatnonzero(calls.failed == failed).tolist():
            yield LogLine(
                at_unix_ns=int(end[i]) - 10_000,
                instance=int(who[i]),
                severity="ERROR",
                body=f"{kind}: {message}",
                trace=int(calls.trace[i]),
                slot=int(slot[i]),
                attributes={
                    "exception.type": kind,
                    "exception.message": message,
                    "exception.stacktrace": f"{trail}{kind}: {message}",
                },
            )


def _defaults(calls: Attempts) -> Iterator[LogLine]:
    """What rankers say when they rank without features."""
    slot = attempt_slot(calls.attempt, SERVER)
    for i in np.flatnonzero((calls.store == NO_STORE) & (calls.outcome == ANSWERED)).tolist():
        yield LogLine(
            at_unix_ns=int(calls.fetch_end[i]),
            instance=int(calls.ranker[i]),
            severity="INFO",
            body=f"profile of {int(calls.tokens[i])} events not asked for, ranking with defaults",
            trace=int(calls.trace[i]),
            slot=int(slot[i]),
        )


def fleet_lines(
    fleet: Fleet, plan: Plan, upgraded: Sequence[int], *, span_ns: tuple[int, int], rng: np.random.Generator
) -> Iterator[LogLine]:
    """Lines of processes about themselves and the fleet, in no order; some may lie outside of the recording.

    Args:
        upgraded: Instance of each ranker after its upgrade.
        span_ns: The recording's begin and end.
    """
    duration_s = (span_ns[1] - span_ns[0]) / 1e9

    def at(second: float) -> int:
        return span_ns[0] + round(second * 1e9)

    for region, stores in enumerate(fleet.stores):
        for store in stores.tolist():
            for second in np.arange(rng.uniform(0, REPLICATION_S), duration_s, REPLICATION_S).tolist():
                rows, lag_ms = rng.integers(8_000, 16_000), rng.normal(41, 2)
                body = f"replicated {rows} feature rows from {REGIONS[1 - region]}, lag {lag_ms:.0f} ms"
                yield LogLine(at(second), store, "INFO", body)
    for position, ranker in enumerate(fleet.rankers.tolist()):
        for second in rng.uniform(0, duration_s, rng.poisson(duration_s / 600)).tolist():
            body = f"embedding cache miss ratio {rng.uniform(0.18, 0.24):.2f} above 0.18, refilling"
            if second < min(plan.dies_s[position], plan.upgraded_s[position]):
                yield LogLine(at(second), ranker, "WARN", body)
    for position in np.flatnonzero(np.isfinite(plan.upgraded_s)).tolist():
        second = float(plan.upgraded_s[position])
        old, new = int(fleet.rankers[position]), int(upgraded[position])
        yield LogLine(at(second - 2.1), old, "INFO", "SIGTERM: drained, stopping")
        started = f"ranker {plan.new_version} started, model loaded in 1.8 s"
        yield LogLine(at(second - 0.1), new, "INFO", started)
    for note in plan.notes:
        yield LogLine(
            at(note.second), note.instance, note.severity, note.body,
            attributes=note.attributes, event=note.event,
        )  # fmt: skip
    yield from _ejections(fleet, plan, span_ns[0], rng)


def _ejections(fleet: Fleet, plan: Plan, begin_ns: int, rng: np.random.Generator) -> Iterator[LogLine]:
    """The first balancer of a region checks health and tells the others, which tell of a failover only."""
    for region, balancers in enumerate(fleet.balancers):
        local = np.flatnonzero((fleet.ranker_region == region) & np.isfinite(plan.ejected_s))
        local = local[np.argsort(plan.ejected_s[local])]
        live = total = int((fleet.ranker_region == region).sum())
        failed_over = False
        for ranker in local.tolist():
            live -= 1
            one = fleet.instances[int(fleet.rankers[ranker])]
            when = begin_ns + round(float(plan.ejected_s[ranker]) * 1e9)
            body = (
                f"ejected {one.host} ({ZONES[one.zone][0]}): 3 health checks failed; {live} of {total} live"
            )
            yield LogLine(
                when, int(balancers[0]), "WARN", body, attributes={semconv.SERVER_ADDRESS: one.host}
            )
            if failed_over or live >= MIN_LIVE_SHARE * total:
                continue
            failed_over = True
            body = f"too few live rankers in {REGIONS[region]}, failing over to {REGIONS[1 - region]}"
            for balancer, late in zip(
                balancers.tolist(), rng.uniform(0.001, 0.1, len(balancers)), strict=True
            ):
                yield LogLine(when + round(float(late) * 1e9), balancer, "ERROR", body)


def encode_logs(
    lines: Sequence[LogLine], resources: Sequence[bytes], ids: TraceIds, begin_ns: int, end_ns: int
) -> Iterator[Stamped]:
    """Encode the lines within the recording, in order of time, a request for each 5 s."""
    ordered = sorted(
        (one for one in lines if begin_ns <= one.at_unix_ns < end_ns), key=lambda one: one.at_unix_ns
    )
    low = 0
    for flush_end in range(begin_ns + FLUSH_NS, end_ns + FLUSH_NS, FLUSH_NS):
        high = low
        while high < len(ordered) and ordered[high].at_unix_ns < flush_end:
            high += 1
        if high > low:
            blocks: dict[int, Block] = {}
            for one in ordered[low:high]:
                record = frame(2, [_record(one, ids).SerializeToString()])
                blocks.setdefault(one.instance, Block()).add(record, 1)
            yield from request_blocks("logs", min(flush_end, end_ns), blocks, resources)
        low = high


def _record(line: LogLine, ids: TraceIds) -> LogRecord:
    record = LogRecord(
        time_unix_nano=line.at_unix_ns,
        observed_time_unix_nano=line.at_unix_ns,
        severity_number=SEVERITIES[line.severity],  # type: ignore[arg-type]
        severity_text=line.severity,
        event_name=line.event,
        attributes=[attribute(key, value) for key, value in line.attributes.items()],
    )
    record.body.string_value = line.body
    if line.trace != NO_TRACE:
        trace = np.array([line.trace])
        record.trace_id = ids.trace_bytes(trace).tobytes()
        record.span_id = ids.span_bytes(trace, np.array([line.slot])).tobytes()
        record.flags = 1
    return record

"""A simulated recording: the telemetry of a fleet as OTLP requests in order of time, and what was planted.

The composition of the simulator's parts; owns their random streams and nothing else.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan_demo.config import FAULT_NAMES, SCENARIO_NAMES, FleetConfig
from rootspan_demo.encoder import Stamped, encode_spans, framed_resources, resource_message
from rootspan_demo.fleet import Fleet, Instance, build_fleet
from rootspan_demo.flow import Flow, run_flow
from rootspan_demo.gpu_metrics import GAUGES, encode_metrics, gauge_values
from rootspan_demo.ids import TraceIds
from rootspan_demo.journeys import Journeys, compose
from rootspan_demo.logs import LogLine, encode_logs, fleet_lines, request_lines
from rootspan_demo.otlp import OtlpRequest
from rootspan_demo.plan import Plan
from rootspan_demo.planning import plan_fault
from rootspan_demo.senders import Senders
from rootspan_demo.shapes import SpanBatch
from rootspan_demo.spans import build_batches
from rootspan_demo.traffic import Traffic
from rootspan_demo.truth import Truth

__all__ = ["Recording", "simulate"]

LOAD: Final = (0.48, 0.58)
"""Range of the mean load where the configuration leaves it open."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What `simulate` returns. Encoding happens in `requests`, so a recording holds columns, not payloads.

    Attributes:
        config: What was asked for.
        truth: What was planted. Not in the telemetry.
        sampling_ratio: Share of traces kept.
        load: Mean load planned.
        counts: `requests`, `answered`, `failed`, `attempts`, `refused`, `lost` over all simulated requests
            (requests = answered + failed); `sampled`, `in_flight` over kept ones (in flight at the end: left
            out); `spans`, `log_records`, `metric_points` in the telemetry.
        journeys: Sampled requests, for tests and figures.
    """

    config: FleetConfig
    truth: Truth
    sampling_ratio: float
    load: float
    counts: Mapping[str, int]
    fleet: Fleet
    plan: Plan
    journeys: Journeys
    _batches: list[SpanBatch]
    _lines: list[LogLine]
    _gauges: tuple[NDArray[np.float64], NDArray[np.float64]]
    _hosts: NDArray[np.int64]
    _resources: list[bytes]
    _ids: TraceIds

    def requests(self) -> Iterator[OtlpRequest]:
        """All three signals interleaved, in order of the time at which their senders let them go."""
        for stamped in self.stamped():
            yield stamped.request

    def stamped(self, *, flush_s: float | None = None) -> Iterator[Stamped]:
        """The same, each with that time.

        Args:
            flush_s: How long senders hold spans back; None: as long as makes requests of about 4,000 spans.
        """
        begin, end = self.config.start_unix_ns, self.config.end_unix_ns
        flush_ns = None if flush_s is None else round(flush_s * 1e9)
        streams = (
            encode_spans(self._batches, self._resources, self._ids, begin, end, flush_ns=flush_ns),
            encode_logs(self._lines, self._resources, self._ids, begin, end),
            encode_metrics(self._hosts, *self._gauges, self._resources, begin),
        )
        yield from heapq.merge(*streams, key=lambda one: one.sent_unix_ns)


def simulate(config: FleetConfig) -> Recording:
    """Simulate a fleet. Equal configurations give equal recordings, byte for byte.

    Traffic, faults, retries, details, metrics and logs draw from streams of their own, so that the same seed
    brings the same requests whatever is planted.
    """
    place, traffic, retry, detail, metric, log, idents = (
        np.random.default_rng(child) for child in np.random.SeedSequence(config.seed).spawn(7)
    )
    names: tuple[str, ...] = (*FAULT_NAMES, *SCENARIO_NAMES)
    fault = np.random.default_rng([config.seed, names.index(config.fault)])
    fleet = build_fleet(config.hosts, place)
    load = config.load if config.load is not None else float(traffic.uniform(*LOAD))
    plan = plan_fault(config, fleet, load, fault)
    ids = TraceIds(idents)
    ratio = config.keep_ratio(load)
    flow = run_flow(
        fleet,
        plan,
        Traffic(config, fleet, load, traffic, plan),
        duration_s=config.duration_s,
        sampled=lambda numbers: ids.sampled(numbers, ratio),
        rng=retry,
    )
    instances, upgraded = _with_upgrades(fleet, plan, idents)
    span_ns = (config.start_unix_ns, config.end_unix_ns)
    journeys = compose(fleet, plan, flow, upgraded=upgraded, span_ns=span_ns, rng=detail)
    sent = Senders(plan, len(instances), span_ns[0])
    batches = [sent.spans(one) for one in build_batches(journeys, instances)]
    lines = [
        *request_lines(journeys, instances),
        *fleet_lines(fleet, plan, upgraded.tolist(), span_ns=span_ns, rng=log),
    ]
    lines = [one for one in sent.lines(lines) if span_ns[0] <= one.at_unix_ns < span_ns[1]]
    gauges = gauge_values(fleet, plan, flow.busy_s, config.duration_s, metric)
    return Recording(
        config=config,
        truth=plan.truth,
        sampling_ratio=ratio,
        load=load,
        counts=_counts(flow, journeys, batches, lines, gauges[1]),
        fleet=fleet,
        plan=plan,
        journeys=journeys,
        _batches=batches,
        _lines=lines,
        _gauges=gauges,
        _hosts=np.where(gauges[0][:, None] >= plan.upgraded_s, upgraded, fleet.rankers),
        _resources=framed_resources([resource_message(one, ratio) for one in instances]),
        _ids=ids,
    )


def _with_upgrades(
    fleet: Fleet, plan: Plan, rng: np.random.Generator
) -> tuple[tuple[Instance, ...], NDArray[np.int64]]:
    """All instances, upgraded ones last; and each ranker's instance after its upgrade (or the same)."""
    instances, upgraded = list(fleet.instances), fleet.rankers.copy()
    for position in np.flatnonzero(np.isfinite(plan.upgraded_s)).tolist():
        old = fleet.instances[int(fleet.rankers[position])]
        upgraded[position] = len(instances)
        instances.append(replace(old, version=plan.new_version, instance_id=rng.bytes(8).hex()))
    return tuple(instances), upgraded


def _counts(
    flow: Flow,
    journeys: Journeys,
    batches: list[SpanBatch],
    lines: list[LogLine],
    gauges: NDArray[np.float64],
) -> Mapping[str, int]:
    counts = {name: int(getattr(flow, name)) for name in ("requests", "answered", "failed")}
    counts |= {name: int(getattr(flow, name)) for name in ("attempts", "refused", "lost")}
    return counts | {
        "sampled": len(flow.request),
        "in_flight": journeys.in_flight,
        "spans": sum(len(batch.rows.trace) for batch in batches),
        "log_records": len(lines),
        "metric_points": int((~np.isnan(gauges[:, :, 0])).sum()) * len(GAUGES),
    }

"""A simulated job from configuration to OTLP requests, with the truth beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rootspan import semconv
from rootspan_demo.encoder import Block, framed_resources, request_blocks
from rootspan_demo.otlp import OtlpRequest
from rootspan_demo.training.config import TrainingConfig
from rootspan_demo.training.events import BENIGN_XID, XID, gauges, hang_events, log, stop_logs
from rootspan_demo.training.plan import Plan, make_plan
from rootspan_demo.training.spans import Ids, Sent, add_spans
from rootspan_demo.training.timing import Floats, Job, play, usual_step_s
from rootspan_demo.training.truth import TrainingTruth
from rootspan_demo.wire import attribute

__all__ = ["JOB_ID", "SERVICE", "TrainingRecording", "simulate_training"]

JOB_ID: Final = "llm-pretrain-7"
SERVICE: Final = "llm-pretrain"
STEPS_PER_REQUEST: Final = 10
CLOCK_SIGMA_S: Final = 0.004
"""Hosts' clocks differ by some milliseconds under NTP; one in eight by ten times that."""
AFTER_STOP_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class TrainingRecording:
    """A recording of a job.

    Attributes:
        begin_unix_ns: When the first step begins; the recording ends at `config.end_unix_ns`.
        counts: Items by signal.
    """

    config: TrainingConfig
    truth: TrainingTruth
    begin_unix_ns: int
    counts: Mapping[str, int]
    _requests: tuple[OtlpRequest, ...]

    def requests(self) -> Iterator[OtlpRequest]:
        """All requests, about in order of time within each signal."""
        return iter(self._requests)


def simulate_training(config: TrainingConfig) -> TrainingRecording:
    """Play a job. Equal configurations give equal bytes."""
    rng = np.random.default_rng([config.seed, 7919])
    plan = make_plan(config, usual_step_s(config), rng)
    job = play(config, plan, rng)
    steps = job.times["step"]
    onset_s = float(steps.begin[plan.onset].min())
    length_s = onset_s + AFTER_STOP_S if plan.stops else float(steps.end.max()) + 1.0
    begin_ns = config.end_unix_ns - round(length_s * 1e9)
    stopped_ns = begin_ns + round((onset_s + 0.6 * usual_step_s(config)) * 1e9)
    resources = _resources(config)
    sent = _sent(config, plan, job, begin_ns, rng)
    requests = [
        *_span_requests(job, sent, resources),
        *gauges(config, plan, begin_ns, (onset_s, length_s), rng),
    ]
    requests += _stop_requests(config, plan, resources, stopped_ns, rng)
    requests.append(_benign(config, begin_ns, onset_s, rng))
    counts: dict[str, int] = {}
    for one in requests:
        counts[one.signal] = counts.get(one.signal, 0) + one.items
    onset_ns = stopped_ns if plan.stops else begin_ns + round(onset_s * 1e9)
    truth = TrainingTruth(
        kind=config.fault,
        kinds=plan.kinds,
        entity=plan.entity,
        faults=plan.faults,
        onset_unix_ns=None if plan.from_start else onset_ns,
    )
    return TrainingRecording(config, truth, begin_ns, counts, tuple(requests))


def _resources(config: TrainingConfig) -> list[Resource]:
    found = []
    for rank in range(config.ranks):
        data, stage, tensor = config.axes_of(rank)
        host = config.host_of(rank)
        pairs: dict[str, str | int] = {
            semconv.SERVICE_NAME: SERVICE,
            semconv.TRAINING_JOB_ID: JOB_ID,
            semconv.TRAINING_ATTEMPT: config.attempt,
            semconv.TRAINING_RANK: rank,
            semconv.TRAINING_WORLD_SIZE: config.ranks,
            semconv.TRAINING_DP_RANK: data,
            semconv.TRAINING_PP_RANK: stage,
            semconv.TRAINING_TP_RANK: tensor,
            semconv.HOST_NAME: config.host_name(host),
            semconv.NETWORK_SWITCH: config.switch_name(host),
            semconv.GPU_INDEX: rank % config.gpus_per_host,
        }
        found.append(Resource(attributes=[attribute(name, value) for name, value in pairs.items()]))
    return found


def _sent(config: TrainingConfig, plan: Plan, job: Job, begin_ns: int, rng: np.random.Generator) -> Sent:
    shape = (config.steps, config.data, config.pipeline, config.tensor)
    skew = rng.normal(0, CLOCK_SIGMA_S, config.hosts) * np.where(rng.random(config.hosts) < 0.125, 10, 1)
    offset = (skew[np.arange(config.ranks) // config.gpus_per_host] * 1e9).astype(np.int64)
    step = np.arange(config.steps)[:, None, None, None]
    keep = np.broadcast_to(step < plan.onset if plan.stops else step >= 0, shape)
    falling = 2.1 + 4 * np.exp(-step / 80) + rng.normal(0, 0.05, shape)
    norm = np.broadcast_to(0.9 + rng.normal(0, 0.08, (config.steps, 1, 1, 1)), shape).copy()
    loss = falling.copy()
    if config.fault == "nan-loss":
        data, stage, tensor = config.axes_of(plan.rank)
        loss[plan.onset, data, stage, tensor] = np.nan
        loss[plan.onset + 1 :], norm[plan.onset :] = np.nan, np.nan
    return Sent(keep=keep, offset_ns=offset, begin_ns=begin_ns, loss=loss, grad_norm=norm, own=_own(job))


def _own(job: Job) -> dict[str, Floats]:
    """Own seconds by phase: what a rank worked; what it waited, also within a layer, counts as collective;
    what it slept as nothing."""
    times = job.times
    step = times["step"].end - times["step"].begin
    own = {
        "data": times["data"].end - times["data"].begin,
        "optimizer": times["optimizer"].end - times["optimizer"].begin,
        "checkpoint": np.nan_to_num(times["save"].end - times["save"].begin),
        **job.worked,
    }
    own["collective"] = np.maximum(step - sum(own.values()) - job.idle_s, 0.0)
    return own


def _span_requests(job: Job, sent: Sent, resources: list[Resource]) -> Iterator[OtlpRequest]:
    ids, framed = Ids(job.config.seed), framed_resources(resources)
    for low in range(0, job.config.steps, STEPS_PER_REQUEST):
        blocks: dict[int, Block] = {}
        add_spans(job, sent, blocks, slice(low, min(low + STEPS_PER_REQUEST, job.config.steps)), ids)
        for stamped in request_blocks("traces", 0, blocks, framed):
            yield stamped.request


def _stop_requests(
    config: TrainingConfig, plan: Plan, resources: list[Resource], stopped_ns: int, rng: np.random.Generator
) -> list[OtlpRequest]:
    if not plan.stops:
        return []
    found: list[OtlpRequest] = []
    if config.fault == "out-of-memory":
        found += stop_logs(config, plan, resources, stopped_ns, rng)
    stuck_gpu = config.fault in ("hung-gpu", "gpu-xid")
    found += hang_events(config, plan, resources, stopped_ns, stuck_gpu=stuck_gpu)
    if config.fault == "gpu-xid":
        host = _kernel(config, config.host_of(plan.rank))
        body = XID.format(bus=0x1B + 0x20 * (plan.rank % config.gpus_per_host))
        found.append(log(host, stopped_ns + 500_000_000, body))
    return found


def _benign(config: TrainingConfig, begin_ns: int, onset_s: float, rng: np.random.Generator) -> OtlpRequest:
    """An XID that an application's bug causes, on some host: in every recording, to mislead."""
    host = int(rng.integers(config.hosts))
    body = BENIGN_XID.format(bus=int(rng.integers(16, 200)))
    return log(_kernel(config, host), begin_ns + round(onset_s * 0.9 * 1e9), body, severity="WARN")


def _kernel(config: TrainingConfig, host: int) -> Resource:
    pairs = {semconv.SERVICE_NAME: "kernel", semconv.HOST_NAME: config.host_name(host)}
    return Resource(attributes=[attribute(name, value) for name, value in pairs.items()])

"""What a job's hosts say besides spans: what hangs, what failed, and GPU gauges. One protobuf message each.

Owns texts and gauges. Says what a process or a kernel can see, never what was planted.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from rootspan import semconv
from rootspan_demo.otlp import OtlpRequest
from rootspan_demo.training.config import TrainingConfig
from rootspan_demo.training.plan import Plan
from rootspan_demo.training.spans import FIRST_STEP, WORLD, group_names, reduce_group, seq_of
from rootspan_demo.wire import attribute

__all__ = ["gauges", "hang_events", "log", "stop_logs"]

GAUGE_EVERY_S: Final = 15
WATCHDOG_S: Final = 60
BEHIND: Final = 3
"""A stuck GPU reports nothing of this many collectives that its peers saw end."""
CLOCK_MHZ: Final = 1980.0
MEMORY_BYTES: Final = 80 * 2**30
OOM: Final = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU {gpu} has a total capacity "
    "of 79.11 GiB of which 1.03 GiB is free."
)
ABORTED: Final = (
    "[Rank {rank}] Process group watchdog thread terminated: NCCL communicator was aborted on rank {rank}."
)
XID: Final = (
    "NVRM: Xid (PCI:0000:{bus:02x}:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
)
BENIGN_XID: Final = (
    "NVRM: Xid (PCI:0000:{bus:02x}:00): 13, pid=4121, Graphics Exception: Shader Program Header 11"
)


def log(
    resource: Resource,
    at_ns: int,
    body: str,
    *,
    severity: str = "ERROR",
    event: str = "",
    told: dict[str, object] | None = None,
) -> OtlpRequest:
    """One record as a request."""
    request = ExportLogsServiceRequest()
    block = request.resource_logs.add(resource=resource)
    record = block.scope_logs.add().log_records.add(
        time_unix_nano=at_ns,
        observed_time_unix_nano=at_ns,
        severity_text=severity,
        severity_number={"INFO": 9, "WARN": 13, "ERROR": 17}[severity],
        event_name=event,
    )
    record.body.string_value = body
    for name, value in (told or {}).items():
        if isinstance(value, list):
            pair = record.attributes.add(key=name)
            for one in value:
                pair.value.array_value.values.add(int_value=one)
        else:
            record.attributes.append(attribute(name, value))  # type: ignore[arg-type]
    return OtlpRequest("logs", request.SerializeToString(), 1)


def hang_events(
    config: TrainingConfig, plan: Plan, resources: Sequence[Resource], stopped_ns: int, *, stuck_gpu: bool
) -> Iterator[OtlpRequest]:
    """Pending spans, and a minute later what every rank's watchdog says of its groups."""
    groups = group_names(config)
    victim = plan.rank
    _, stage, tensor = config.axes_of(victim)
    own = reduce_group(stage, tensor)
    for rank in range(config.ranks):
        mine = reduce_group(*config.axes_of(rank)[1:])
        if rank != victim:
            waits = [(mine if mine == own else WORLD, plan.onset)]
        elif stuck_gpu:
            waits = [(group, s) for s in range(plan.onset - BEHIND, plan.onset) for group in (own, WORLD)]
        else:
            waits = []
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add(resource=resources[rank]).scope_spans.add().spans
        for k, (group, step) in enumerate(waits):
            told = _pending(group, step)
            span = spans.add(
                trace_id=(rank + 1).to_bytes(16, "big"),
                span_id=((rank + 1) * 64 + k).to_bytes(8, "big"),
                name=semconv.SPAN_TRAIN_COLLECTIVE,
                kind=Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=stopped_ns + k * 1_000_000,
            )
            span.attributes.extend(attribute(name, value) for name, value in told.items())
            age = {semconv.TRAINING_COLLECTIVE_AGE_S: float(WATCHDOG_S)}
            body = f"all_reduce {seq_of(step)} of {group} has been pending for {WATCHDOG_S} s"
            said_ns = stopped_ns + WATCHDOG_S * 10**9
            event = semconv.EVENT_COLLECTIVE_PENDING
            yield log(resources[rank], said_ns, body, severity="WARN", event=event, told={**told, **age})
        if waits:
            yield OtlpRequest("traces", request.SerializeToString(), len(waits))
        for group in (mine, WORLD):
            behind = min((step for name, step in waits if name == group), default=plan.onset)
            ended = seq_of(behind) - 1
            if group == mine != own and rank != victim:
                ended = seq_of(plan.onset)
            status = {
                semconv.TRAINING_COLLECTIVE_GROUP: group,
                semconv.TRAINING_COLLECTIVE_LAST_ENQUEUED: max(
                    [ended, *(seq_of(s) for g, s in waits if g == group)]
                ),
                semconv.TRAINING_COLLECTIVE_LAST_COMPLETED: ended,
                semconv.TRAINING_GROUP_RANKS: groups[group],
            }
            said_ns = stopped_ns + WATCHDOG_S * 10**9
            event = semconv.EVENT_COLLECTIVE_STATUS
            yield log(
                resources[rank], said_ns, f"status of {group}", severity="INFO", event=event, told=status
            )


def _pending(group: str, step: int) -> dict[str, str | int]:
    return {
        semconv.TRAINING_STEP: FIRST_STEP + step,
        semconv.TRAINING_PHASE: "collective",
        semconv.TRAINING_COLLECTIVE_OP: "all_reduce",
        semconv.TRAINING_COLLECTIVE_GROUP: group,
        semconv.TRAINING_COLLECTIVE_SEQ: seq_of(step),
        semconv.TRAINING_COLLECTIVE_BYTES: 4,
    }


def stop_logs(
    config: TrainingConfig,
    plan: Plan,
    resources: Sequence[Resource],
    stopped_ns: int,
    rng: np.random.Generator,
) -> Iterator[OtlpRequest]:
    """The rank that ran out of memory, and then everyone whom NCCL aborts."""
    gpu = plan.rank % config.gpus_per_host
    yield log(resources[plan.rank], stopped_ns, OOM.format(gpu=gpu))
    for rank in range(config.ranks):
        if rank != plan.rank:
            after_ns = round(rng.uniform(2, 20) * 1e9)
            yield log(resources[rank], stopped_ns + after_ns, ABORTED.format(rank=rank))


def gauges(
    config: TrainingConfig, plan: Plan, begin_ns: int, seconds: tuple[float, float], rng: np.random.Generator
) -> Iterator[OtlpRequest]:
    """Clock, throttling, temperature and memory of every GPU each 15 s, as a host's agent sends them.

    Args:
        seconds: When the fault begins, and when the recording ends.
    """
    onset_s, length_s = seconds
    at = np.arange(1, int(length_s // GAUGE_EVERY_S) + 1) * GAUGE_EVERY_S
    hot = config.fault == "thermal-throttle"
    base = CLOCK_MHZ * (1 + rng.normal(0, 0.006, config.ranks))
    inlet = 55 + rng.normal(0, 2.5, config.ranks)
    for second in at.tolist():
        late = second >= onset_s
        clock = base + rng.normal(0, 8, config.ranks)
        heat = inlet + rng.normal(0, 0.8, config.ranks)
        throttled = (rng.random(config.ranks) < 0.003).astype(np.float64)
        memory = MEMORY_BYTES * (0.62 + rng.normal(0, 0.004, config.ranks))
        if hot and late:
            clock[plan.rank] /= plan.compute[plan.rank]
            heat[plan.rank] += 17
            throttled[plan.rank] = float(rng.random() < 0.9)
        if config.fault == "out-of-memory":
            climbed = min(1.0, second / max(onset_s, 1))
            memory[plan.rank] = MEMORY_BYTES * (0.62 + 0.37 * climbed)
        yield _gauge_request(config, begin_ns + int(second * 1e9), (clock, throttled, heat, memory))


def _gauge_request(
    config: TrainingConfig, at_ns: int, values: tuple[NDArray[np.float64], ...]
) -> OtlpRequest:
    names = (
        semconv.METRIC_GPU_CLOCK,
        semconv.METRIC_GPU_THROTTLED,
        semconv.METRIC_TEMPERATURE,
        semconv.METRIC_GPU_MEMORY_USAGE,
    )
    request = ExportMetricsServiceRequest()
    for host in range(config.hosts):
        resource = Resource(
            attributes=[
                attribute("service.name", "gpu-agent"),
                attribute("host.name", config.host_name(host)),
            ]
        )
        scope = request.resource_metrics.add(resource=resource).scope_metrics.add()
        ranks = [
            rank
            for rank in range(host * config.gpus_per_host, (host + 1) * config.gpus_per_host)
            if rank < config.ranks
        ]
        for name, column in zip(names, values, strict=True):
            points = scope.metrics.add(name=name).gauge.data_points
            for rank in ranks:
                point = points.add(time_unix_nano=at_ns, as_double=float(column[rank]))
                point.attributes.append(attribute("gpu.index", rank % config.gpus_per_host))
    return OtlpRequest("metrics", request.SerializeToString(), config.ranks * len(names))

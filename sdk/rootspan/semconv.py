"""Attribute names that every part of rootspan shares.

Owns the spelling of resource, request, GPU and training attributes; holds no logic and imports nothing.
Names are OpenTelemetry's where a semantic convention exists; `training.*` and `rootspan.*` are ours.
"""

# Resource: who sent it and where it runs
SERVICE_NAME = "service.name"
SERVICE_NAMESPACE = "service.namespace"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE_ID = "service.instance.id"
DEPLOYMENT_ENVIRONMENT = "deployment.environment.name"
HOST_NAME = "host.name"
HOST_ID = "host.id"
HOST_RACK = "host.rack"
CLOUD_PROVIDER = "cloud.provider"
CLOUD_REGION = "cloud.region"
CLOUD_ZONE = "cloud.availability_zone"
K8S_POD_NAME = "k8s.pod.name"
K8S_NODE_NAME = "k8s.node.name"
NETWORK_SWITCH = "network.switch"
PROCESS_PID = "process.pid"
HW_ID = "hw.id"
GPU_INDEX = "gpu.index"

# Request
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS_CODE = "rpc.response.status_code"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
CODE_FUNCTION_NAME = "code.function.name"
HTTP_STATUS = "http.response.status_code"

# What the SDK writes so that a cause is cheap to find
QUEUE_WAIT_MS = "rootspan.queue.wait_ms"
"""Double, milliseconds a request waited in this process's queue before its work began.

On the span within which it waited, and only there: a SERVER span, or a request's span of `rootspan.batching`.
"""
SERVER_DURATION_MS = "rootspan.peer.duration_ms"
"""Double, milliseconds the peer itself spent (on CLIENT spans).

Edge gap = client duration - peer duration.
"""
BATCH_ID = "rootspan.batch.id"
"""String, 16 hexadecimal digits: on a batch's span, on the span of every request in it (for a request of
several batches the first) and on that span's links."""
BATCH_SIZE = "rootspan.batch.size"
"""Int: requests in a batch; on a request's span the largest batch it was in."""
BATCH_SHARE = "rootspan.batch.share"
"""Double, 0 to 1, on a request's span: its part of its batches, by units (tokens, rows), else equal."""
BATCH_SHARE_MS = "rootspan.batch.share_ms"
"""Double on a request's span: its own part of its batches' time, milliseconds; adds up to the device's."""
BATCH_SERVICE_MS = "rootspan.batch.service_ms"
"""Double: milliseconds in which a request's batches ran, its wait apart; on a batch's span, its steps."""
BATCH_COUNT = "rootspan.batch.count"
"""Int on a request's span: batches it was in."""
BATCH_STEPS = "rootspan.batch.steps"
"""Int: steps that a batch of an engine covers, or that a request took part in."""
BATCH_UNITS = "rootspan.batch.units"
"""Double on a batch's span: what its requests took of it over its steps, in their own measure."""
BATCH_OLDEST_MS = "rootspan.batch.oldest_ms"
"""Double on a batch's span: milliseconds since its oldest request was enqueued."""
BATCH_JOINED = "rootspan.batch.joined"
"""Int on an engine's batch: requests that were not in the step before."""
BATCH_PREEMPTED = "rootspan.batch.preempted"
"""Int on an engine's batch: requests of the step before that were put off, not finished."""
BATCH_PAUSES = "rootspan.batch.pauses"
"""Int on a request's span: how often it was preempted."""
RETRY_ATTEMPT = "rootspan.retry.attempt"
"""Int, 0 for the first attempt (on CLIENT spans)."""
OUTCOME = "rootspan.outcome"
"""String on spans that ended early without an error: `cancelled` (the task was) or `closed_early` (the
consumer of a generator stopped reading). Absent otherwise."""
SAMPLING_RATE = "rootspan.sampling.ratio"
"""Double in (0, 1] on the resource: the share of traces that the sender kept; absent means 1."""

# GPU and host gauges (metrics)
METRIC_GPU_UTILIZATION = "hw.gpu.utilization"
METRIC_GPU_MEMORY_USAGE = "hw.gpu.memory.usage"
METRIC_GPU_CLOCK = "hw.gpu.clock"
METRIC_GPU_THROTTLED = "hw.gpu.throttled"
METRIC_TEMPERATURE = "hw.temperature"
METRIC_POWER = "hw.power"
METRIC_ERRORS = "hw.errors"

# Training: who a process is in its job (resource, and on every span of a step)
TRAINING_JOB_ID = "training.job.id"
TRAINING_ATTEMPT = "training.run.attempt"
TRAINING_STEP = "training.step"
TRAINING_RANK = "training.rank"
TRAINING_LOCAL_RANK = "training.local_rank"
TRAINING_WORLD_SIZE = "training.world_size"
TRAINING_DP_RANK = "training.dp_rank"
TRAINING_TP_RANK = "training.tp_rank"
TRAINING_PP_RANK = "training.pp_rank"
TRAINING_EP_RANK = "training.ep_rank"
TRAINING_DP_SIZE = "training.dp_size"
TRAINING_TP_SIZE = "training.tp_size"
TRAINING_PP_SIZE = "training.pp_size"
TRAINING_EP_SIZE = "training.ep_size"
TRAINING_LAUNCHER = "training.launcher"
"""String on the resource: what started the ranks: torchrun, slurm, mpi, ray, kubernetes."""
SLURM_JOB_ID = "slurm.job.id"
SLURM_NODELIST = "slurm.nodelist"
SLURM_PARTITION = "slurm.partition"
K8S_NAMESPACE = "k8s.namespace.name"
K8S_JOB_NAME = "k8s.job.name"

# Training: a step. Each rank's `train.step` is a root span; all ranks' steps of one number share a trace.
SPAN_TRAIN_STEP = "train.step"
TRAINING_PHASE = "training.phase"
"""String on the spans `train.<phase>`: data, h2d, forward, backward, optimizer, collective, checkpoint, eval."""
TRAINING_PHASE_SECONDS = "training.phase.{}.seconds"
"""Double on `train.step`, by phase: seconds the calling thread spent in it and in nothing within it.

`collective` is the time it waited for collectives, taken from the phase around it; so the phases of a step add
up to what was measured of it. Present for each phase that occurred, on every rank, whatever the detail."""
TRAINING_PHASE_GPU_SECONDS = "training.phase.{}.gpu_seconds"
"""Double on `train.step`, by phase: seconds between CUDA events around it, on the stream that was current."""
TRAINING_MICROBATCH = "training.microbatch"
TRAINING_LOSS = "training.loss"
TRAINING_GRAD_NORM = "training.grad_norm"
TRAINING_TOKENS_PER_SECOND = "training.tokens_per_second"
TRAINING_CHECKPOINT_ACTION = "training.checkpoint.action"
"""String on `train.checkpoint`: `save` or `load`."""
TRAINING_CHECKPOINT_PATH = "training.checkpoint.path"
TRAINING_CHECKPOINT_BYTES = "training.checkpoint.bytes"
TRAINING_SUSPECT = "training.suspect"
"""String on `train.step`: why this rank sent this step in detail by itself (`own_time`, `error`, `hang`)."""

# Training: collectives. A span `train.collective` begins when the rank enqueues it.
SPAN_TRAIN_COLLECTIVE = "train.collective"
TRAINING_COLLECTIVE_OP = "training.collective.op"
TRAINING_COLLECTIVE_GROUP = "training.collective.group"
"""String, `name:description` of the process group; the same on all its ranks."""
TRAINING_COLLECTIVE_SEQ = "training.collective.seq"
"""Int from 0: collectives count per group, sends and receives per group and pair of ranks. The same number is
the same collective on every rank of the group."""
TRAINING_COLLECTIVE_BYTES = "training.collective.bytes"
TRAINING_COLLECTIVE_PEER = "training.collective.peer"
"""Int, the other rank of a send or receive, counted in the whole job."""
TRAINING_COLLECTIVE_START_OFFSET_NS = "training.collective.start_offset_ns"
"""Int, from enqueue to the start of the transfer; absent where the backend does not tell it."""
TRAINING_COLLECTIVE_STATE = "training.collective.state"
"""String where a collective did not end well: `pending`, `failed`, or what a dump says."""
TRAINING_COLLECTIVE_COUNT = "training.collective.count"
"""Int on `train.step`: collectives, sends and receives that it enqueued."""
TRAINING_COLLECTIVE_TOTAL_BYTES = "training.collective.total_bytes"
TRAINING_COLLECTIVE_LOST = "training.collective.lost"
"""Int on `train.step`: collectives that the ring buffer no longer held when the step ended; absent if none."""
TRAINING_COLLECTIVE_AGE_S = "training.collective.age_s"
TRAINING_COLLECTIVE_LAST_ENQUEUED = "training.collective.last_enqueued"
TRAINING_COLLECTIVE_LAST_COMPLETED = "training.collective.last_completed"
TRAINING_GROUP_RANKS = "training.collective.group_ranks"
"""Ints, the members of the group, counted in the whole job."""

# Training: log events (EventName) of a rank that waits too long
EVENT_COLLECTIVE_PENDING = "collective.pending"
"""One for each collective that is not complete: op, group, seq, bytes, peer and its age in seconds."""
EVENT_COLLECTIVE_STATUS = "collective.status"
"""One for each group: last sequence numbers enqueued and completed, and its members. A rank sends it too when
its step lasts too long with nothing pending: then its group waits for it."""

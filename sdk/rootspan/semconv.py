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
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
CODE_FUNCTION_NAME = "code.function.name"
HTTP_STATUS = "http.response.status_code"

# What the SDK writes so that a cause is cheap to find
QUEUE_WAIT_MS = "rootspan.queue.wait_ms"
"""Double, milliseconds a request waited in this process's queue before its work began (on SERVER spans)."""
SERVER_DURATION_MS = "rootspan.peer.duration_ms"
"""Double, milliseconds the peer itself spent (on CLIENT spans).

Edge gap = client duration - peer duration.
"""
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

# Training
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
TRAINING_PHASE = "training.phase"
TRAINING_MICROBATCH = "training.microbatch"

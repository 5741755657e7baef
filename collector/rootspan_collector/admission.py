"""What a sender is told when its request is not taken: the one place that maps errors to gRPC codes.

OTLP's rule: RESOURCE_EXHAUSTED is retried only if RetryInfo comes with it; UNAVAILABLE always;
INVALID_ARGUMENT never.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from rootspan_collector.errors import CollectorError, LogFull, LogUnavailable, MalformedRequest

__all__ = ["Refusal", "refusal"]

# grpcio-status' own name for it (rpc_status.GRPC_DETAILS_METADATA_KEY).
_DETAILS_KEY = "grpc-status-details-bin"
# A full log drains at the speed of the store; a disk error may be gone at once.
_FULL_RETRY_S = 5.0
_UNAVAILABLE_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Refusal(grpc.Status):
    """A status for `context.abort_with_status`."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def refusal(error: CollectorError) -> Refusal:
    """Return the status for an error of `receive`."""
    if isinstance(error, MalformedRequest):
        return Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error), ())
    if isinstance(error, LogFull):
        return _retryable(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), _FULL_RETRY_S)
    if isinstance(error, LogUnavailable):
        return _retryable(grpc.StatusCode.UNAVAILABLE, str(error), _UNAVAILABLE_RETRY_S)
    return Refusal(grpc.StatusCode.INTERNAL, str(error), ())


def _retryable(code: grpc.StatusCode, text: str, delay_s: float) -> Refusal:
    seconds = math.floor(delay_s)
    delay = duration_pb2.Duration(seconds=seconds, nanos=round((delay_s - seconds) * 1e9))
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    rich = status_pb2.Status(code=code.value[0], message=text, details=[detail])
    return Refusal(code, text, ((_DETAILS_KEY, rich.SerializeToString()),))

"""What a sender is told when its request is not taken: the one place that maps errors to gRPC and HTTP.

OTLP's rules. gRPC: RESOURCE_EXHAUSTED is retried only if RetryInfo comes with it, UNAVAILABLE always,
INVALID_ARGUMENT never. HTTP: 429, 502, 503 and 504 are retried, after Retry-After if it is there, and nothing
else is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

from rootspan_collector.errors import (
    CollectorError,
    LogFilling,
    LogFull,
    LogUnavailable,
    MalformedRequest,
    QuotaExceeded,
    ResidencyViolated,
    TakenElsewhere,
    TooLarge,
    Unauthenticated,
    UnsupportedRequest,
)

__all__ = ["Admission", "Refusal", "admission_of", "refusal", "rich_status"]

# grpcio-status' own name for it (rpc_status.GRPC_DETAILS_METADATA_KEY).
_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Admission:
    """How one kind of error is told.

    Attributes:
        reason: The word under which refusals are counted.
        retry_s: When to come back; None: never.
    """

    reason: str
    grpc_code: grpc.StatusCode
    http_status: int
    retry_s: float | None = None


_CODE = grpc.StatusCode
# A full log drains at the speed of the store; a disk error may be gone at once.
_BY_ERROR: Mapping[type[CollectorError], Admission] = {
    MalformedRequest: Admission("malformed", _CODE.INVALID_ARGUMENT, 400),
    UnsupportedRequest: Admission("unsupported", _CODE.INVALID_ARGUMENT, 415),
    TooLarge: Admission("too_large", _CODE.RESOURCE_EXHAUSTED, 413),
    Unauthenticated: Admission("unauthenticated", _CODE.UNAUTHENTICATED, 401),
    QuotaExceeded: Admission("quota", _CODE.RESOURCE_EXHAUSTED, 429, 1.0),
    ResidencyViolated: Admission("residency", _CODE.PERMISSION_DENIED, 403),
    LogFilling: Admission("log_filling", _CODE.RESOURCE_EXHAUSTED, 429, 5.0),
    LogFull: Admission("log_full", _CODE.RESOURCE_EXHAUSTED, 503, 5.0),
    LogUnavailable: Admission("log_unavailable", _CODE.UNAVAILABLE, 503, 1.0),
    TakenElsewhere: Admission("taken_elsewhere", _CODE.UNAVAILABLE, 503, 0.2),
}
_UNEXPECTED = Admission("internal", _CODE.INTERNAL, 500)


def admission_of(error: CollectorError) -> Admission:
    """Return how an error of `receive` is told."""
    found = _BY_ERROR.get(type(error), _UNEXPECTED)
    if isinstance(error, QuotaExceeded):
        return Admission(found.reason, found.grpc_code, found.http_status, error.retry_s)
    return found


@dataclass(frozen=True, slots=True)
class Refusal(grpc.Status):
    """A status for `context.abort_with_status`."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def refusal(error: CollectorError) -> Refusal:
    """Return the gRPC status for an error of `receive`."""
    told = admission_of(error)
    if told.retry_s is None:
        return Refusal(told.grpc_code, str(error), ())
    metadata = ((_DETAILS_KEY, rich_status(error).SerializeToString()),)
    return Refusal(told.grpc_code, str(error), metadata)


def rich_status(error: CollectorError) -> status_pb2.Status:
    """Return google.rpc.Status, with RetryInfo if the sender should come back: the body of an HTTP error."""
    told = admission_of(error)
    rich = status_pb2.Status(code=told.grpc_code.value[0], message=str(error))
    if told.retry_s is not None:
        seconds = math.floor(told.retry_s)
        delay = duration_pb2.Duration(seconds=seconds, nanos=round((told.retry_s - seconds) * 1e9))
        rich.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return rich

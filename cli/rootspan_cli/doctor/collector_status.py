"""Asks a running collector for its own account: `rootspan.collector.v1.Status/Get`.

Reads the answer into typed values; judges nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2

from rootspan_cli.collector_channel import CollectorAddress

__all__ = ["CollectorStatus", "CollectorUnreachable", "Refused", "SignalStatus", "read_status"]

_METHOD: Final = "/rootspan.collector.v1.Status/Get"


class CollectorUnreachable(Exception):  # noqa: N818 - named for what happened
    """No collector answered there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What a sender was turned away with for one reason, since the collector's start.

    Attributes:
        last_error: What it was told last.
        last_unix_s: When; 0 of a collector that does not tell.
    """

    sender: str
    reason: str
    requests: int
    items: int
    last_error: str
    last_unix_s: float


@dataclass(frozen=True, slots=True)
class SignalStatus:
    """Items of one signal since the log folder was made, and what stands in the way.

    Attributes:
        oldest_pending_age_s: Age of the oldest item that is not stored yet; 0 if there is none.
        log_error: What the disk said last, or "".
        repeated: Sent again by senders that had missed the first answer.
        refused_by: Whose requests were refused, and why.
    """

    accepted: int
    stored: int
    pending: int
    quarantined: int
    refused: int
    malformed_requests: int
    oldest_pending_age_s: float
    log_error: str
    repeated: int = 0
    refused_by: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectorStatus:
    """One collector's account of itself.

    Attributes:
        workers: What it is the sum of, if it has several logs; `collector_id` is the first one's.
        away: Numbers of workers that did not answer.
        regions: The accounts of the logs that lead to regions' stores, by store.
    """

    collector_id: str
    version: str
    uptime_s: float
    wal_bytes: int
    wal_max_bytes: int
    signals: Mapping[str, SignalStatus]
    workers: "tuple[CollectorStatus, ...]" = ()
    away: tuple[str, ...] = ()
    regions: "Mapping[str, CollectorStatus]" = field(default_factory=dict)

    @property
    def pending(self) -> int:
        """Items in all logs, those of regions too, that are not stored yet."""
        logs = (self, *self.regions.values())
        return sum(signal.pending for log in logs for signal in log.signals.values())

    @property
    def by_log(self) -> "tuple[CollectorStatus, ...]":
        """One account for each log folder."""
        return self.workers or (self,)


def read_status(address: CollectorAddress, *, timeout_s: float = 5.0) -> CollectorStatus:
    """Ask a collector.

    Raises:
        CollectorUnreachable: Nothing answers there in time, or what answers is no rootspan collector.
        OSError: The file of its authority cannot be read.
    """
    with address.channel() as channel:
        get = channel.unary_unary(
            _METHOD,
            request_serializer=empty_pb2.Empty.SerializeToString,
            response_deserializer=struct_pb2.Struct.FromString,
        )
        try:
            said = get(empty_pb2.Empty(), timeout=timeout_s, metadata=address.metadata)
            answer = json_format.MessageToDict(said)
        except grpc.RpcError as err:
            details = err.details() if isinstance(err, grpc.Call) else str(err)
            raise CollectorUnreachable(" ".join(str(details).split())) from err
    return _status(answer)


def _status(said: Mapping[str, Any]) -> CollectorStatus:
    return CollectorStatus(
        collector_id=str(said.get("collector_id", "")),
        version=str(said.get("version", "")),
        uptime_s=float(said.get("uptime_s", 0.0)),
        wal_bytes=int(said.get("wal_bytes", 0)),
        wal_max_bytes=int(said.get("wal_max_bytes", 0)),
        signals={name: _signal(one) for name, one in said.get("signals", {}).items()},
        workers=tuple(_status(one) for one in said.get("workers", ())),
        away=tuple(str(one) for one in said.get("away", ())),
        regions={str(name): _status(one) for name, one in said.get("regions", {}).items()},
    )


def _signal(said: Mapping[str, object]) -> SignalStatus:
    def number(name: str) -> float:
        value = said.get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0

    return SignalStatus(
        accepted=int(number("accepted")),
        stored=int(number("stored")),
        pending=int(number("pending")),
        quarantined=int(number("quarantined")),
        refused=int(number("refused")),
        malformed_requests=int(number("malformed_requests")),
        oldest_pending_age_s=number("oldest_pending_age_s"),
        log_error=str(said.get("log_error", "")),
        repeated=int(number("repeated")),
        refused_by=tuple(_refused(one) for one in _listed(said.get("refused_by"))),
    )


def _listed(said: object) -> list[Mapping[str, Any]]:
    return [one for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []


def _refused(said: Mapping[str, Any]) -> Refused:
    return Refused(
        sender=str(said.get("sender", "")),
        reason=str(said.get("reason", "")),
        requests=int(said.get("requests", 0)),
        items=int(said.get("items", 0)),
        last_error=str(said.get("last_error", "")),
        last_unix_s=float(said.get("last_unix_s", 0.0)),
    )

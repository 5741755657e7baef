"""The collector's own account of itself: the method `Status/Get` and the rows for `rootspan_collectors`.

Reads the running parts; changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, json_format, struct_pb2

from rootspan_collector.account import Account, RefusedBy, Roll, SignalAccount
from rootspan_collector.admission import refusal
from rootspan_collector.errors import Unauthenticated
from rootspan_collector.grpc_export import caller_of
from rootspan_collector.receiver import Receiver
from rootspan_collector.senders.tenants import Tenants
from rootspan_collector.wal.budget import ByteBudget
from rootspan_collector.wal.log import SignalLog
from rootspan_store.ingest import Signal

__all__ = ["STATUS_SERVICE", "StatusReport", "register_descriptor", "status_handler"]

STATUS_SERVICE = "rootspan.collector.v1.Status"


@dataclass(slots=True)
class StatusReport:
    """Makes reports of one collector: of the lane to its own store, and of those of its regions."""

    collector_id: str
    version: str
    logs: Mapping[Signal, SignalLog]
    receivers: Mapping[Signal, Receiver]
    budget: ByteBudget
    started_monotonic_s: float
    regions: Mapping[str, StatusReport] = field(default_factory=dict)
    worker: str = ""

    def account(self) -> Account:
        """Return the account as it is now."""
        return Account(
            collector_id=self.collector_id,
            version=self.version,
            uptime_s=time.monotonic() - self.started_monotonic_s,
            wal_bytes=self.budget.used_bytes,
            wal_max_bytes=self.budget.limit_bytes,
            signals={signal.value: self._signal(signal, log) for signal, log in self.logs.items()},
            regions={name: report.account() for name, report in self.regions.items()},
            worker=self.worker,
        )

    def _signal(self, signal: Signal, log: SignalLog) -> SignalAccount:
        oldest, receiver = log.oldest_pending_unix_ns, self.receivers[signal]
        return SignalAccount(
            **asdict(log.ledger.counts()),
            malformed_requests=receiver.malformed_requests,
            oldest_pending_age_s=0.0 if oldest is None else max(0.0, (time.time_ns() - oldest) / 1e9),
            log_error=log.error or "",
            refused_by=tuple(
                RefusedBy(key.sender, key.reason, **asdict(one))
                for key, one in receiver.refusals.snapshot().items()
            ),
        )

    def counter_rows(self) -> bytes:
        """Return one JSON line per signal, for the table `rootspan_collectors`."""
        now = f"{time.time():.3f}"
        lines = []
        for signal, log in self.logs.items():
            counts = log.ledger.counts()
            row = {
                "CollectorId": self.collector_id,
                "Time": now,
                "Signal": signal.value,
                "Accepted": counts.accepted,
                "Stored": counts.stored,
                "Pending": counts.pending,
                "Quarantined": counts.quarantined,
                "Refused": counts.refused,
                "Version": self.version,
            }
            lines.append(json.dumps(row).encode() + b"\n")
        return b"".join(lines)


def status_handler(
    call_roll: Callable[[], Roll], tenants: Tenants
) -> grpc.GenericRpcHandler[empty_pb2.Empty, struct_pb2.Struct]:
    """Return the gRPC handler of `Get` (google.protobuf.Empty → google.protobuf.Struct).

    Where tenants have to prove who they are, so has whoever asks.
    """

    def get(_request: empty_pb2.Empty, context: grpc.ServicerContext) -> struct_pb2.Struct:
        try:
            caller_of(context, tenants)
        except Unauthenticated as err:
            context.abort_with_status(refusal(err))
        answer = struct_pb2.Struct()
        json_format.ParseDict(call_roll().as_dict(), answer)
        return answer

    method = grpc.unary_unary_rpc_method_handler(
        get,
        request_deserializer=empty_pb2.Empty.FromString,
        response_serializer=struct_pb2.Struct.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(STATUS_SERVICE, {"Get": method})


def register_descriptor() -> None:
    """Put the service's descriptor into the default pool, where reflection looks. Safe to repeat."""
    file = descriptor_pb2.FileDescriptorProto(
        name="rootspan/collector/v1/status.proto",
        package="rootspan.collector.v1",
        syntax="proto3",
        dependency=["google/protobuf/empty.proto", "google/protobuf/struct.proto"],
    )
    service = file.service.add(name="Status")
    service.method.add(name="Get", input_type=".google.protobuf.Empty", output_type=".google.protobuf.Struct")
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())

"""Hands requests to a collector, one after the other, and gives none up. Owns the pauses.

While the collector refuses or is away, nothing more is read: what waits stays in the files, and memory stays
bounded.
"""

import logging
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from rootspan_agent.channel import metadata_of, open_channel
from rootspan_agent.errors import RefusedFull

__all__ = ["Delivery"]

_METHOD: Final = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_ATTEMPT_S: Final = 30.0
_SAY_AGAIN_S: Final = 60.0
_FOR_GOOD: Final = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION})
"""The request itself is at fault: another attempt cannot help. A wrong token or address can be mended."""
_log = logging.getLogger("rootspan.agent")


@dataclass(frozen=True, slots=True)
class _Failure:
    words: str
    for_good: bool
    pause_s: float | None


class Delivery:
    """Sends to one collector."""

    def __init__(
        self,
        endpoint: str,
        *,
        ca: Path | None,
        token: str | None,
        refused: Path,
        refused_bytes: int,
    ) -> None:
        """Nothing is opened yet.

        Args:
            refused: Folder for requests that the collector refused for good; `rootspan replay` reads them.
        """
        self._endpoint, self._ca, self._refused, self._refused_bytes = endpoint, ca, refused, refused_bytes
        self._metadata = metadata_of(token)
        self._channel: grpc.Channel | None = None
        self._random = random.Random()
        self._said_at = float("-inf")
        self.n_refused = 0

    def deliver(self, body: bytes, n_records: int, stopping: threading.Event) -> bool:
        """Return True once the collector acknowledged it, or it is kept as refused for good; durable in both.

        False if `stopping` was set before: it may or may not have arrived.

        Raises:
            RefusedFull: It was refused for good, and there is no room to keep it.
            OSError: The authority's file cannot be read, or the folder not be written.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            failure = self._attempt(body)
            if failure is None:
                if self._said_at > 0:
                    _log.warning("%s takes log records again", self._endpoint)
                    self._said_at = float("-inf")
                return True
            if failure.for_good:
                self._keep_refused(body, n_records, failure.words)
                return True
            self._say(failure)
            wait_s = (
                failure.pause_s if failure.pause_s is not None else pause_s * self._random.uniform(0.8, 1.2)
            )
            if stopping.wait(wait_s):
                return False
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _attempt(self, body: bytes) -> _Failure | None:
        call = self._open().unary_unary(_METHOD, None, ExportLogsServiceResponse.FromString)
        try:
            said = call(body, timeout=_ATTEMPT_S, metadata=self._metadata)
        except grpc.RpcError as err:
            code: Any = err.code()
            words = f"{code.name}: {err.details()}"
            return _Failure(words, code in _FOR_GOOD, _pause_s(err))
        if said.partial_success.rejected_log_records:
            rejected, why = said.partial_success.rejected_log_records, said.partial_success.error_message
            self.n_refused += rejected
            _log.error("%s took a request but for %d records: %s", self._endpoint, rejected, why)
        return None

    def _open(self) -> grpc.Channel:
        if self._channel is None:
            self._channel = open_channel(self._endpoint, self._ca)
        return self._channel

    def _say(self, failure: _Failure) -> None:
        """Once a minute: a collector that is away for a night is no reason for a full disk."""
        now = time.monotonic()
        if now - self._said_at >= _SAY_AGAIN_S:
            self._said_at = now
            _log.warning("%s takes nothing, so nothing more is read: %s", self._endpoint, failure.words)

    def _keep_refused(self, body: bytes, n_records: int, words: str) -> None:
        self._refused.mkdir(parents=True, exist_ok=True)
        used = sum(one.stat().st_size for one in self._refused.iterdir())
        if used + len(body) > self._refused_bytes:
            raise RefusedFull(
                f"{self._refused} holds {used} bytes, and {len(body)} more would be above "
                f"{self._refused_bytes}: the collector refuses for good ({words}); mend that, then empty it"
            )
        path = self._refused / f"{time.time_ns()}.otlp"
        path.write_bytes(len(body).to_bytes(4, "big") + body)
        self.n_refused += n_records
        _log.error("%s refused %d records for good: %s; kept in %s", self._endpoint, n_records, words, path)


def _pause_s(err: grpc.RpcError) -> float | None:
    """The collector's own wish, google.rpc.RetryInfo in the status details, in seconds."""
    trailer: Any = err.trailing_metadata()
    for key, value in trailer or ():
        if key == "grpc-status-details-bin":
            info = RetryInfo()
            for detail in Status.FromString(value).details:
                if detail.Unpack(info):
                    return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None

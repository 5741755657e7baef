"""Makes an OTLP request of what was read. Pure: the same slices at the same time make the same bytes."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

from rootspan import semconv
from rootspan_agent.journal import Entry, record_of
from rootspan_agent.kernel import read_kernel
from rootspan_agent.kubernetes import read_orchestrator
from rootspan_agent.lines import Record, read_line
from rootspan_agent.tail import Chunk

__all__ = ["encode"]

_SCOPE: Final = "rootspan.agent"
Attributes = dict[str, str | int]


def encode(
    chunks: Sequence[Chunk], entries: Sequence[Entry], *, host: str, observed_ns: int, number: int
) -> tuple[bytes, int]:
    """A request, and how many records are in it. Empty lines are no records.

    Args:
        host: Of what does not name its own.
        number: Told in the scope, so that no two requests of an agent are equal.
    """
    request = ExportLogsServiceRequest()
    scopes: dict[tuple[str, str], ScopeLogs] = {}
    count = 0

    def add(record: Record, where: str, program: str, extra: Attributes) -> None:
        key = (where, program)
        scope = scopes.get(key)
        if scope is None:
            resource = request.resource_logs.add()
            resource.resource.attributes.extend(
                _pairs({semconv.HOST_NAME: where, semconv.SERVICE_NAME: program})
            )
            scope = scopes[key] = resource.scope_logs.add()
            scope.scope.name = _SCOPE
            scope.scope.attributes.extend(_pairs({"rootspan.agent.request": number}))
        scope.log_records.append(_encoded(record, observed_ns, extra))

    for chunk in chunks:
        path = PurePath(chunk.slice.path)
        extra: Attributes = {semconv.LOG_FILE_PATH: str(path), semconv.LOG_FILE_NAME: path.name}
        for line in _lines(chunk.data):
            record = read_orchestrator(read_kernel(read_line(line, observed_ns)))
            # The name of a folder that an operator gave wins over what a line says of itself.
            add(record, chunk.slice.host or record.host or host, record.program or path.stem, extra)
            count += 1
    for entry in entries:
        record = read_orchestrator(read_kernel(record_of(entry)))
        add(record, record.host or host, record.program or "journal", {})
        count += 1
    return request.SerializeToString(deterministic=True), count


def _lines(data: bytes) -> Iterable[str]:
    for line in data.split(b"\n"):
        if text := line.decode(errors="replace").rstrip("\r"):
            yield text


def _encoded(record: Record, observed_ns: int, extra: Attributes) -> LogRecord:
    encoded = LogRecord(
        time_unix_nano=record.time_ns or observed_ns,
        observed_time_unix_nano=observed_ns,
        severity_number=record.severity,  # type: ignore[arg-type]
        severity_text=record.severity_text,
        event_name=record.event,
    )
    encoded.body.string_value = record.body
    encoded.attributes.extend(_pairs({**extra, **record.attributes}))
    return encoded


def _pairs(attributes: Attributes) -> Iterable[KeyValue]:
    for key, value in attributes.items():
        pair = KeyValue(key=key)
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
        yield pair
